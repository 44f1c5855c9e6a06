"""The demo's servers start, answer and leave nothing behind."""

import socket
from pathlib import Path

import psycopg
import pytest

from entrypoints.demo.servers import start_all


def test_the_whole_stack_starts_and_stops(tmp_path: Path) -> None:
    with start_all(tmp_path) as stack:
        port = int(stack.redis_url.rpartition(":")[2].removesuffix("/0"))
        ports = [port, stack.mail.imap_port, stack.mail.smtp_port]
        for each in ports:
            socket.create_connection(("127.0.0.1", each), timeout=5).close()
    for each in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", each), timeout=5)


def test_postgres_answers(postgres_url: str) -> None:
    url = postgres_url.replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
