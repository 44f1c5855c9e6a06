"""Hostile files: whatever the bytes, staging answers, in bounded memory, and its counts add up."""

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import Feed
from pipelines.prepare.stage_file import Terms, stage_file
from pipelines.rejects.table import read_rejects
from schemas.contract import Column, Contract, Type
from schemas.dialect import Dialect, Extra, Format, Ragged
from schemas.errors import DataError
from schemas.limits import Limits

COLUMNS = (Column(name="id", type=Type.STRING), Column(name="n", type=Type.INT64))
FEED = Feed(name="t", source="s", match="*", contract="t")
SMALL = Limits(block_bytes=4096, file_bytes=1 << 22, workbook_bytes=1 << 24, members=20)
TABLE = b'id,n\na,1\n"b ""x""\ny",2\nc,x\nd\n"e"f,3\n\xff,4\n'
MEMORY = 1 << 30


def answer(data: bytes, dialect: Dialect, limits: Limits = SMALL) -> str:
    """What staging makes of a file: its counts, which add up, or why it is refused."""
    contract = Contract(name="t", version="1", table="t", columns=COLUMNS, dialect=dialect)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "file.bin"
        path.write_bytes(data)
        try:
            staged = stage_file(path, Terms.of("f", FEED, contract, limits), Path(name))
        except DataError as error:
            return error.render("en")
        counts = staged.counts
        assert counts.read == counts.loaded + counts.rejected
        assert pq.read_metadata(staged.rows[0]).num_rows == counts.loaded
        rejects = list(read_rejects(staged.rejects).rows)
        assert len(rejects) == counts.rejected
        assert all(row.line > 0 and row.problems for row in rejects)
        return f"{counts.loaded} loaded, {counts.rejected} rejected"


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(**members: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def workbook() -> bytes:
    import openpyxl

    out = io.BytesIO()
    book = openpyxl.Workbook()
    for row in (("id", "n"), ("a", 1), ("b", 2.5)):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"id": ["a", "b"], "n": [1, 2]}), out)
    return out.getvalue()


GOOD = {
    "csv": (TABLE, Format.DELIMITED),
    "gz": (gzip.compress(TABLE), Format.DELIMITED),
    "bz2": (bz2.compress(TABLE), Format.DELIMITED),
    "xz": (lzma.compress(TABLE), Format.DELIMITED),
    "zst": (zstd.compress(TABLE), Format.DELIMITED),
    "zip": (zipped(a=TABLE, b=TABLE), Format.DELIMITED),
    "tar": (tarred(a=TABLE, b=TABLE), Format.DELIMITED),
    "tgz": (gzip.compress(tarred(a=TABLE, b=TABLE)), Format.DELIMITED),
    "xlsx": (workbook(), Format.EXCEL),
    "jsonl": (b'{"id":"a","n":1}\n{"id":"b","n":[{"x":1.10}]}\n', Format.JSONL),
    "parquet": (parquet(), Format.PARQUET),
}
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-32-be", "cp1252", "shift_jis", "gb18030"])
DIALECTS = st.builds(
    Dialect,
    encoding=ENCODINGS,
    delimiter=st.sampled_from([",", "\t", "||", "é"]),
    quote=st.sampled_from(['"', ""]),
    escape=st.sampled_from(["", "\\", "\x00"]),
    line_end=st.sampled_from(["", "\r", "@"]),
    comment=st.sampled_from(["", "#"]),
    preamble=st.integers(0, 2),
    header=st.integers(0, 2),
    footer=st.integers(0, 2),
    totals=st.sampled_from(["", "^b"]),
    trailing_delimiter=st.booleans(),
    ragged=st.sampled_from(Ragged),
    extra=st.sampled_from(Extra),
    stray_quotes=st.sampled_from(Extra),
)
PARTS = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [b"id,n\n", b"a,1\n", b'"', b'""', b",", b"\n", b"\r", b"\\", b"\x00", b"\xff\xfe",
             b"\xd8\x00", b"{", b'{"id":', b"[" * 2000, b'{"id":"\\ud800","n":1}\n', b"#", b"\x1f"]
        ),
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=PARTS, dialect=DIALECTS, header=st.booleans())
def test_any_text_is_answered(data: bytes, dialect: Dialect, header: bool) -> None:
    if header:
        data = f"id{dialect.delimiter}n\n".encode(dialect.encoding, "replace") + data
    assert answer(data, dialect)


@settings(max_examples=40, deadline=None)
@given(data=PARTS)
def test_any_json_is_answered(data: bytes) -> None:
    assert answer(data, Dialect(format=Format.JSONL))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(sorted(set(GOOD) - {"xlsx"})),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=4),
)
def test_damaged_files_are_answered(kind: str, cut: float, flips: list[tuple[float, int]]) -> None:
    data, form = GOOD[kind]
    hurt = bytearray(data[: max(1, int(len(data) * cut))])
    for place, change in flips:
        hurt[int(place * (len(hurt) - 1))] ^= change
    assert answer(bytes(hurt), Dialect(format=form))


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.99])
def test_damaged_workbooks_are_refused(cut: float) -> None:
    data, form = GOOD["xlsx"]
    assert answer(data, Dialect(format=form)) == "1 loaded, 1 rejected"
    assert "loaded" not in answer(data[: int(len(data) * cut)], Dialect(format=form))


def test_one_cell_in_the_last_corner_of_a_sheet_ends_no_worker() -> None:
    import openpyxl

    out = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(("id", "n"))
    book.active.cell(1_048_576, 16_384, 5)
    book.save(out)
    assert "larger than it may be" in answer(out.getvalue(), Dialect(format=Format.EXCEL))


REFUSED = {
    "a bomb in gz": (gzip.compress(b"id,n\n" + b"a,1\n" * (2 << 20)), "unpacks to more than"),
    "a bomb in zip": (zipped(a=b"id,n\n" + b"a,1\n" * (2 << 20)), "unpacks to more than"),
    "a bomb in tar.gz": (gzip.compress(tarred(a=bytes(8 << 20))), "unpacks to more than"),
    "a zip in a zip": (zipped(a=zipped(a=TABLE)), "holds another archive"),
    "a gz in a zip": (zipped(a=gzip.compress(TABLE)), "holds another archive"),
    "a gz in a gz": (gzip.compress(gzip.compress(TABLE)), "holds another archive"),
    "a zip in a gz": (gzip.compress(zipped(a=TABLE)), "holds another archive"),
    "many members": (zipped(**{f"m{n}": TABLE for n in range(30)}), "more than 20 files"),
    "no member": (zipped(), "no file that matches"),
    "a workbook": (workbook(), "is a workbook"),
    "Parquet": (parquet(), "is a Parquet file"),
    "a PDF": (b"%PDF-1.7 ...", "is a PDF"),
    "a web page": (b"<!DOCTYPE html><p>Log in", "is a web page"),
    "another encoding": ("id,n\na,1\n".encode("utf-16"), "mark of UTF-16"),
    "a header without an end": (b"x" * (1 << 20), "longer than"),
    "a million columns": (b"id,n" + b"," * (1 << 14) + b"\n", "columns, more than"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_is_no_file_of_the_feed_is_refused_in_words(case: str) -> None:
    data, words = REFUSED[case]
    assert words in answer(data, Dialect())


def test_names_of_members_lead_nowhere(tmp_path: Path) -> None:
    data = zipped(**{"../../evil.csv": TABLE, "/etc/passwd.csv": TABLE, "C:\\x.csv": TABLE})
    before = sorted(tmp_path.parent.rglob("*evil*"))
    assert answer(data, Dialect(), SMALL) == "6 loaded, 12 rejected"
    assert sorted(tmp_path.parent.rglob("*evil*")) == before
    assert not Path("/etc/passwd.csv").exists()


LARGE = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
sys.path.insert(0, "tests/unit/parse")
from test_hostile_files import answer, Dialect, Limits
import gzip, io
def packed(parts):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as stream:
        for part, times in parts:
            for _ in range(times):
                stream.write(part)
    return out.getvalue()
M = 1 << 20
limits = Limits(block_bytes=M, unpack_ratio=100_000)
cases = {
    "one cell": [(b"id,n\\na,", 1), (b"x" * M, 200)],
    "one quoted cell": [(b'id,n\\na,"', 1), (b"x" * M, 200), (b'",1\\n', 1)],
    "one quote": [(b'id,n\\na,"', 1), (b"xxxxxxx,1\\n" * 1000, 2000)],
    "commas": [(b"id,n\\n", 1), (b"," * M, 200)],
    "a header of commas": [(b"," * M, 200)],
    "blank lines": [(b"id,n\\n", 1), (b"\\n" * M, 60), (b"a,1\\n", 1)],
    "quotes": [(b"id,n\\n", 1), (b'"' * M, 30)],
    "quoted commas": [(b"id,n\\n", 1), (b'",' * 1000, 4000)],
}
said = {name: answer(packed(parts), Dialect(), limits) for name, parts in cases.items()}
# Not ru_maxrss: a child's begins with what its parent had in memory.
with open("/proc/self/status") as status:
    [most] = [line.split()[1] for line in status if line.startswith("VmHWM:")]
said["peak"] = int(most) * 1024
print(json.dumps(said))
"""


def test_memory_stays_bounded_under_monstrous_files() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout)
    peak = said.pop("peak")
    assert said["one cell"].startswith("one record is longer than")
    assert said["one quote"] == "1999999 loaded, 1 rejected"
    assert said["blank lines"] == "1 loaded, 0 rejected"
    assert all(said.values())
    assert peak < MEMORY
