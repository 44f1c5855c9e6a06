"""Debian's Dovecot as a mail server of the tests, where it is installed."""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

import trustme

from entrypoints.demo.process import HOST, free_ports, made, running

_CONFIGS = Path(__file__).parent
_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Dovecot:
    """Where it is: any user may log in with the one password, or with an active token."""

    imap_port: int
    imaps_port: int
    password: str
    folder: Path

    def maildir(self, user: str) -> Path:
        """The mailbox of a user who has logged in before."""
        return self.folder / "mail" / user / "Maildir"


def program() -> str | None:
    """The path of the server; None where it is not installed."""
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def dovecot(
    folder: Path, certificate: trustme.LeafCert, introspection_url: str
) -> Iterator[Dovecot]:
    """A server for IMAP, plain and by TLS, that asks the URL about tokens.

    It is started without root's rights; for root it runs as nobody, who owns the folder then.
    """
    binary = program()
    assert binary is not None
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        uid = gid = _NOBODY
    imap_port, imaps_port = free_ports(2)
    found = Dovecot(imap_port, imaps_port, secrets.token_hex(8), made(folder))
    words = {
        "host": HOST,
        "folder": str(found.folder),
        "user": pwd.getpwuid(uid).pw_name,
        "group": grp.getgrgid(gid).gr_name,
        "password": found.password,
        "imap_port": str(found.imap_port),
        "imaps_port": str(found.imaps_port),
        "introspection_url": introspection_url,
    }
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    version = "2.3" if said.startswith("2.3") else "2.4"
    for source, target in ((f"dovecot-{version}", "dovecot"), ("oauth2-2.3", "oauth2")):
        text = Template((_CONFIGS / f"{source}.conf").read_text("utf-8")).substitute(words)
        (found.folder / f"{target}.conf").write_text(text, "utf-8")
    certificate.private_key_pem.write_to_path(found.folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(found.folder / "cert.pem")
    for name in ("run", "mail"):
        made(found.folder / name)
    for each in (found.folder, *found.folder.rglob("*")):
        os.chown(each, uid, gid)

    def answers() -> bool:
        with socket.create_connection((HOST, found.imap_port), timeout=2) as client:
            return client.recv(64).startswith(b"* OK")

    command = [binary, "-F", "-c", str(found.folder / "dovecot.conf")]
    user = uid if uid != os.getuid() else None
    with running("dovecot-console", command, found.folder, answers, user=user):
        yield found
