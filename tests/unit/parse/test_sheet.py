"""Workbooks of a few kilobytes that are gigabytes to whoever counts rows."""

from __future__ import annotations

import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from schemas.limits import Limits

MEGABYTE = 1024 * 1024
MAX = 700 * MEGABYTE
"""What reading may take, the reader's own process and a Python with pyarrow included."""

_READ = """
import sys
from pathlib import Path
from pipelines.parse.workbook import read_workbook
from schemas.dialect import Dialect, Format
from schemas.errors import DataError
from schemas.limits import Limits
import resource
try:
    parsed = read_workbook(
        Path(sys.argv[1]), Dialect(format=Format.EXCEL), Limits().workbook_bytes, ["a"]
    )
    rows = sum(len(chunk.lines) for chunk in parsed.chunks)
    said = f"{rows} rows"
except DataError as error:
    said = error.message
own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(own + child, said)
"""


def workbook(path: Path, strings: list[str], rows: str, merged: str = "") -> None:
    """A workbook of one sheet, with its shared strings and its rows as XML."""
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    types = "http://schemas.openxmlformats.org/package/2006/relationships"
    of = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    shared = "".join(f"<si><t>{each}</t></si>" for each in strings)
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-'
        f'package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="{of}'
        f'.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{types}"><Relationship Id="r1" '
        f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets><sheet name="s" '
        'sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{types}"><Relationship Id="r1" '
        f'Type="{rel}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" '
        f'Type="{rel}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{shared}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>'
        f"{merged}</worksheet>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as book:
        for name, text in parts.items():
            book.writestr(name, head + text)


def cells(count: int, row: int) -> str:
    return f'<row r="{row}">' + '<c t="s"><v>0</v></c>' * count + "</row>"


HOSTILE: dict[str, tuple[list[str], str] | tuple[list[str], str, str]] = {
    "one text of a megabyte in every row": (
        ["x" * MEGABYTE],
        "".join(cells(1, row) for row in range(1, 3_000)),
    ),
    "a text of 32 kB in every cell": (
        ["x" * 32_767],
        "".join(cells(200, row) for row in range(1, 500)),
    ),
    "one row of megabytes": (["x" * MEGABYTE], cells(1, 1) + cells(1_000, 2)),
    "a text of a megabyte that is merged over a column": (
        ["x" * MEGABYTE, "y"],
        cells(1, 1) + "".join(
            f'<row r="{row}"><c r="B{row}" t="s"><v>1</v></c></row>' for row in range(2, 3_000)
        ),
        '<mergeCells count="1"><mergeCell ref="A1:A3000"/></mergeCells>',
    ),
    "a text of 32 kB that is merged over a block": (
        ["x" * 32_767, "y"],
        cells(1, 1) + "".join(
            f'<row r="{row}"><c r="CV{row}" t="s"><v>1</v></c></row>' for row in range(2, 2_000)
        ),
        '<mergeCells count="100">'
        + "".join(f'<mergeCell ref="{c}1:{c}2000"/>' for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        + "</mergeCells>",
    ),
    "a million blank rows": (["x"], cells(1, 1) + cells(1, 1_000_000)),
    "the last cell of a sheet": (["x"], cells(1, 1) + '<row r="1048576"><c r="XFD1048576" t="s">'
                                 "<v>0</v></c></row>"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_memory_is_bounded_by_bytes(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    workbook(path, *HOSTILE[kind])
    assert path.stat().st_size < 40_000

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (60, resource.RLIM_INFINITY))

    done = subprocess.run(
        # By a shell's child: what a process took before it became another program counts for it.
        ["/bin/sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", _READ, str(path)],
        capture_output=True, text=True, check=True, preexec_fn=bounded,
    )  # fmt: skip
    kilobytes, said = done.stdout.split(" ", 1)
    assert int(kilobytes) * 1024 < MAX, f"{int(kilobytes) / 1024:,.0f} MB: {said}"
    assert Limits().workbook_bytes * 4 > MAX
