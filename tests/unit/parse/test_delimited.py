"""Random tables written in random dialects are read back, every cell and every line."""

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.parse import parsed
from schemas.dialect import Dialect
from schemas.limits import Limits
from schemas.row_position import Place

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}
LETTERS = st.sampled_from("ab,;|\t\n'\"\\ ~<>éñ€#-0")
CELLS = st.text(LETTERS, max_size=6)


@dataclass(frozen=True)
class Case:
    """A table, how it is written, and what it is packed in."""

    table: list[tuple[str, str, str]]
    dialect: Dialect
    end: str
    mark: bool
    packed: str
    archive: str


DIALECTS = st.builds(
    Dialect,
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32", "cp1252", "iso8859_15"]),
    delimiter=st.sampled_from([",", ";", "|", "\t", "~", "<>", ", ", "é"]),
    quote=st.sampled_from(['"', "'"]),
    escape=st.sampled_from(["", "\\"]),
    comment=st.sampled_from(["", "//"]),
    preamble=st.integers(0, 2),
    header=st.integers(0, 3),
    columns=st.just(("a", "b", "c")),
    footer=st.integers(0, 2),
    trailing_delimiter=st.booleans(),
)
CASES = st.builds(
    Case,
    table=st.lists(st.tuples(st.just("k"), CELLS, CELLS), min_size=1, max_size=20),
    dialect=DIALECTS,
    end=st.sampled_from(["\n", "\r\n", "\r", "@@"]),
    mark=st.booleans(),
    packed=st.sampled_from(list(PACKERS)),
    archive=st.sampled_from(["", "zip", "tar"]),
)


def written(case: Case) -> tuple[bytes, list[int]]:
    """The table as a file's bytes, and the line of each row."""
    dialect, lines, places = case.dialect, [], []
    lines += [f"above {n}" for n in range(dialect.preamble)]
    lines += [record(("a", "b", "c"), dialect) for _ in range(dialect.header)]
    text = "".join(line + case.end for line in lines)
    newline = "\n" if case.end == "\r\n" else case.end
    for row in case.table:
        if dialect.comment:
            text += f'{dialect.comment} a "remark{case.end}'
        places.append(text.count(newline) + 1)
        text += record(row, dialect) + case.end
    text += "".join(f"{record(('end',), dialect)}{case.end}" for _ in range(dialect.footer))
    mark = "\ufeff" if case.mark and dialect.encoding in ("utf-8", "utf-16-le") else ""
    return (mark + text).encode(dialect.encoding), places


def record(cells: tuple[str, ...], dialect: Dialect) -> str:
    inside = dialect.escape or dialect.quote
    shown = []
    for cell in cells:
        for char in {dialect.escape, dialect.quote} - {""} if dialect.escape else {dialect.quote}:
            if char == dialect.quote:
                continue
            cell = cell.replace(char, inside + char)
        shown.append(dialect.quote + cell.replace(dialect.quote, inside + dialect.quote)
                     + dialect.quote)  # fmt: skip
    return dialect.delimiter.join(shown) + dialect.delimiter * dialect.trailing_delimiter


def packed(case: Case, data: bytes) -> bytes:
    if case.archive == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("readme.txt", "not this one")
            archive.writestr("one.csv", data)
            archive.writestr("two.csv", data)
        return out.getvalue()
    if case.archive == "tar":
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name in ("one.csv", "../../two.csv"):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return PACKERS[case.packed](out.getvalue())
    return PACKERS[case.packed](data)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=CASES, block=st.sampled_from([200, 1 << 20]))
def test_every_cell_and_line_of_a_table_comes_back(case: Case, block: int) -> None:
    dialect = Dialect(
        **{
            **{name: getattr(case.dialect, name) for name in Dialect.__slots__},
            "line_end": case.end if case.end in ("\r", "@@") else "",
            "members": "**/*.csv",
        }
    )
    data, places = written(case)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "file.dat"
        path.write_bytes(packed(case, data))
        limits = Limits(block_bytes=max(block, len(data) // 3))
        found: list[tuple[int, tuple[str, ...]]] = []
        with parsed(path, dialect, limits, folder) as read:
            width = max(dialect.header, 1)
            assert read.names == tuple(" ".join([each] * width) for each in "abc")
            for chunk in read.chunks:
                assert chunk.ragged == ()
                cells = zip(*(column.to_pylist() for column in chunk.cells.columns), strict=True)
                found += zip(chunk.lines.tolist(), cells, strict=True)
        members = (1, 2) if case.archive else (0,)
        assert found == [
            (Place(line, member).row, row)
            for member in members
            for line, row in zip(places, case.table, strict=True)
        ]
