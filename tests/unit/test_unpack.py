"""Unpacking: which members are read, in which order, and what an archive may not be."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipelines.kind import Kind
from pipelines.unpack import members
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
        list(members(path, "**", Limits(), (b"wrong",)))


def test_a_bomb_is_stopped_by_its_ratio_long_before_the_size_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb") as stream:
        for _ in range(100):
            stream.write(b"0123456\n" * (1 << 17))
    with pytest.raises(DataError, match="more than 250 times its size"):
        [sum(map(len, member.stream)) for member in members(path, "**", Limits())]
