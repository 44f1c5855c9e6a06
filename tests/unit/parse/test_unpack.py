"""Unpacking: which members are read, in which order, and what an archive may not be."""

import base64
import gzip
import io
import itertools
import random
import tarfile
import zipfile
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipelines.parse.kind import Kind
from pipelines.parse.unpack import members
from schemas.errors import DataError
from schemas.limits import Limits

NAMES = ["b/Two.CSV", "a.csv", "__MACOSX/a.csv", "b/.hidden.csv", "notes.txt", "../up.csv"]
READ = [(1, "b/Two.CSV"), (2, "a.csv"), (3, "../up.csv")]


def archive(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as made:
            for name in NAMES:
                made.writestr(name, f"of {name}")
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w") as tar:
        link = tarfile.TarInfo("link.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for name in NAMES:
            info = tarfile.TarInfo(name)
            info.size = len(f"of {name}")
            tar.addfile(info, io.BytesIO(f"of {name}".encode()))
    return out.getvalue() if kind == "tar" else gzip.compress(out.getvalue())


@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_matching_members_are_read_in_their_order(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "no-telling-name"
    path.write_bytes(archive(kind))
    found = [(m.number, m.name, m.stream.read()) for m in members(path, "**/*.csv", Limits())]
    assert found == [(number, name, f"of {name}".encode()) for number, name in READ]
    assert sorted(tmp_path.iterdir()) == [path]


def test_the_only_member_has_no_number(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(archive("zip"))
    found = [(m.number, m.name, m.kind) for m in members(path, "*.txt", Limits())]
    assert found == [(0, "notes.txt", Kind.TEXT)]


def test_an_encrypted_member_is_refused_by_name(tmp_path: Path) -> None:
    data = bytearray(archive("zip"))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(mark) + offset] |= 1
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"b/Two\.CSV in the archive is encrypted"):
        list(members(path, "**", Limits(archive_passwords=SecretStr("wrong"))))


INFO_ZIP = (
    "UEsDBAoACQAAAIKNeF0P6VvNEQAAAAUAAAAKAAAAcmVwb3J0LmNzdoGYKvVgDZfrxoE/h1Ut3EiBUEsH"
    "CA/pW80RAAAABQAAAFBLAQIeAwoACQAAAIKNeF0P6VvNEQAAAAUAAAAKAAAAAAAAAAEAAACkgQAAAABy"
    "ZXBvcnQuY3N2UEsFBgAAAAABAAEAOAAAAEkAAAAAAA=="
)


def encrypted(path: Path, body: bytes, password: str) -> None:
    """A zip under AES-256."""
    import pyzipper

    with pyzipper.AESZipFile(
        path, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
    ) as archive:
        archive.setpassword(password.encode())
        archive.writestr("report.csv", body)


def test_aes_is_opened_by_the_password_that_fits_and_its_damage_is_told(tmp_path: Path) -> None:
    path, body = tmp_path / "file", random.Random(1).randbytes(3_000_000)
    encrypted(path, body, "geheim ñ")
    limits = Limits(archive_passwords=SecretStr("wrong\ngeheim ñ\n"))
    found = [(m.number, m.name, m.stream.read()) for m in members(path, "*.csv", limits)]
    assert found == [(0, "report.csv", body)]
    with pytest.raises(DataError, match=r"report\.csv in the archive is encrypted"):
        list(members(path, "*.csv", Limits()))
    data = bytearray(path.read_bytes())
    data[data.find(b"PK\x01\x02") - 1] ^= 1
    path.write_bytes(data)
    [member] = itertools.islice(opened := members(path, "*.csv", limits), 1)
    with pytest.raises(DataError, match="damaged"):
        member.stream.read()
    opened.close()


def test_the_older_encryption_of_zips_is_opened_too(tmp_path: Path) -> None:
    # Info-ZIP's `zip -P secret` of a file that holds "id\n1\n".
    path = tmp_path / "file"
    path.write_bytes(base64.b64decode(INFO_ZIP))
    many = "\n".join([*map(str, range(1000)), "secret"])
    limits = Limits(archive_passwords=SecretStr(many))
    assert [m.stream.read() for m in members(path, "**", limits)] == [b"id\n1\n"]


def test_a_bomb_is_stopped_by_its_ratio_long_before_the_size_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb") as stream:
        for _ in range(100):
            stream.write(b"0123456\n" * (1 << 17))
    with pytest.raises(DataError, match="more than 250 times its size"):
        [sum(map(len, member.stream)) for member in members(path, "**", Limits())]
