"""A file that is still coming reads as it will when it is whole, or raises what went wrong."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.parse import cut
from pipelines.prepare.growing_file import GrowingFile
from schemas.dialect import Dialect
from schemas.errors import RetryableError


def fill(arriving: GrowingFile, blocks: Iterable[bytes]) -> None:
    with arriving.filled() as write:
        for block in blocks:
            write(block)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(1, 50))
def test_it_reads_what_is_written_however_it_comes(blocks: list[bytes], size: int) -> None:
    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as beside:
        arriving = GrowingFile(Path(folder) / "raw")
        filling = beside.submit(fill, arriving, blocks)
        with arriving.open() as stream:
            read = b"".join(iter(lambda: stream.read(size), b""))
        filling.result()
    assert read == b"".join(blocks)


def test_a_reader_waits_for_bytes_that_have_not_come(tmp_path: Path) -> None:
    arriving, more = GrowingFile(tmp_path / "raw"), Event()

    def slowly() -> None:
        with arriving.filled() as write:
            write(b"first,")
            more.wait(10)
            write(b"then")

    with ThreadPoolExecutor(2) as beside:
        beside.submit(slowly)
        with arriving.open() as stream:
            assert stream.read(6) == b"first,"
            rest = beside.submit(stream.read)
            assert not rest.done()
            more.set()
            assert rest.result(10) == b"then"


def test_who_reads_is_told_what_went_wrong(tmp_path: Path) -> None:
    arriving = GrowingFile(tmp_path / "raw")

    def broken() -> Iterator[bytes]:
        yield b"half of it"
        raise RetryableError("the source is away")

    with pytest.raises(RetryableError):
        fill(arriving, broken())
    with pytest.raises(RetryableError, match="away"):
        arriving.open()


def test_its_end_cannot_be_sought(tmp_path: Path) -> None:
    arriving = GrowingFile(tmp_path / "raw")
    fill(arriving, [b"abc"])
    with arriving.open() as stream:
        assert stream.seek(1) == 1
        assert stream.read() == b"bc"
        with pytest.raises(io.UnsupportedOperation):
            stream.seek(0, io.SEEK_END)


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_text_is_cut_as_it_comes_as_it_is_when_whole(tmp_path: Path, end: str) -> None:
    text = "\ufeffx,y\n" + "\n".join(f'{n},"a\nb"' for n in range(500)) + end
    (tmp_path / "whole").write_text(text)
    with (tmp_path / "whole").open("rb") as stream:
        expected = list(cut(stream, Dialect(), 700))
    data, arriving = text.encode(), GrowingFile(tmp_path / "raw")
    with ThreadPoolExecutor(1) as beside:
        beside.submit(fill, arriving, [data[at : at + 97] for at in range(0, len(data), 97)])
        with arriving.open() as stream:
            assert list(cut(stream, Dialect(), 700)) == expected
    assert len(expected) > 5
    assert expected[-1].end == len(data)
