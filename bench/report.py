"""Report: the results on the terminal, as docs/performance.md with its plot, and in full beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import report_parts
from bench.measurement import Measurement, Summary
from bench.targets import OURS, OURS_ONE, Verdict, verdicts

_MARKS = {True: "met", False: "**not met**", None: "not measured"}
_COLOURS = {OURS: "#0b6e4f", OURS_ONE: "#6bab90"}


def summaries(results: Mapping[str, Any]) -> dict[str, dict[str, Summary]]:
    """Every shape's contenders with their medians."""
    return {
        shape["name"]: {
            name: Summary.of([Measurement(**each) for each in runs])
            for name, runs in shape["measured"].items()
        }
        for shape in results.get("shapes", [])
    }


def judged(results: Mapping[str, Any]) -> list[Verdict]:
    """The targets against the results."""
    asked = [each for part in results.get("ledger", {}).values() for each in part["questions"]]
    growing = sum(each["grows"] for each in asked) if asked else None
    single = {**results.get("start_up", {}), **results.get("drops", {})}
    found = verdicts(summaries(results), single, growing)
    return [*found, report_parts.mail_target(results)]


def show(results: Mapping[str, Any], console: Console) -> None:
    """Print the figures and the targets, 80 columns wide."""
    found = summaries(results)
    for shape in results.get("shapes", []):
        table = Table(title=f"{shape['title']} · {shape['bytes'] / 1e6:,.0f} MB", width=80)
        table.add_column("")
        for name in ("wall s", "± %", "CPU s", "servers", "rows/s", "MB/s", "peak MB", "jobs"):
            table.add_column(name, justify="right")
        for contender, summary in found[shape["name"]].items():
            table.add_row(contender, *_figures(shape, summary))
        console.print(table)
    targets = Table(title="targets", width=80)
    for name in ("target", "measured", ""):
        targets.add_column(name)
    for each in judged(results):
        mark = {True: "[green]met", False: "[red]not met", None: "[dim]-"}[each.met]
        targets.add_row(each.target, each.measured, mark)
    console.print(targets)


def _figures(shape: Mapping[str, Any], summary: Summary) -> list[str]:
    return [
        f"{summary.wall:,.2f}",
        f"{summary.noise:.0%}".removesuffix("%"),
        f"{summary.cpu:,.2f}",
        f"{summary.server_cpu:,.1f}+{summary.others_cpu:,.1f}",
        f"{shape['rows'] / summary.wall:,.0f}",
        f"{shape['bytes'] / 1e6 / summary.wall:,.1f}",
        f"{summary.peak_rss / 1e6:,.0f}",
        f"{summary.load_jobs}",
    ]


def write(results: Mapping[str, Any], page: Path) -> None:
    """Write the page for readers, its plot, and what it leads to in the folder beside it: all
    figures, where the time goes, mail, the ledger and its query plans."""
    plot(results, page.with_suffix(".svg"))
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    found = {
        "figures.md": _titled("Figures", _method(results), _shapes(results)),
        "time.md": _titled(
            "Where the time goes", _where(results), _start_up(results), _streamed(results)
        ),
        "mail.md": _titled("Mail", report_parts.mail(results)),
        "ledger.md": _titled("The ledger as history grows", report_parts.ledger(results)),
        **report_parts.plans(results),
    }
    for name, text in found.items():
        (folder / name).write_text(text, encoding="utf-8")
    page.write_text("\n".join(_lines(results)) + "\n", encoding="utf-8")


def _titled(title: str, *parts: Iterator[str]) -> str:
    written = "Written by `python -m bench report`; do not edit it by hand."
    return "\n".join([f"# {title}", "", written, *(line for part in parts for line in part)]) + "\n"


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    """The page for readers: what, against whom, what is met, how to repeat it."""
    machine = results["machine"]
    yield from _INTRODUCTION.splitlines()
    yield from ("", "## What is met, and what is not", "", "| | target | measured |")
    yield "| --- | --- | ---: |"
    for each in sorted(judged(results), key=lambda each: (each.met is not False, each.met is None)):
        yield f"| {_MARKS[each.met]} | {each.target} | {each.measured} |"
    yield from ("", "## Seconds from file to committed rows", "")
    yield (
        f"On {machine['cores']} cores and {machine['memory_gb']} GB, {results['at'][:10]}. Shorter is"
        " better; a dash was not measured."
    )
    yield ""
    yield from _seconds(results)
    yield from ("", "![Seconds by contender](performance.svg)")
    yield from _SLOWER.splitlines()
    yield from _QUOTAS.splitlines()
    yield from _REPEAT.splitlines()


def _seconds(results: Mapping[str, Any]) -> Iterator[str]:
    """Wall-clock seconds, a row a shape, a column a contender."""
    found = summaries(results)
    names = list(dict.fromkeys(name for each in found.values() for name in each))
    yield f"| | {' | '.join(names)} |"
    yield "| --- |" + " ---: |" * len(names)
    for shape in results["shapes"]:
        walls = found[shape["name"]]
        cells = [f"{walls[name].wall:,.2f}" if name in walls else "-" for name in names]
        yield f"| {shape['title']} | {' | '.join(cells)} |"


_INTRODUCTION = """# Performance

Written by `python -m bench report`; do not edit it by hand.

How long do files take to become committed rows, and what does that cost? The same files go, on the same machine and
right after each other, through Waybill and through what people run instead.

**Waybill** starts from files in an S3 bucket and ends with committed rows. It runs a real worker and a real broker. Great
Expectations checks every row, the rows get their columns of lineage, one transaction commits them, and each rejected row
has its reasons. The others read the files from the local disk and check less, or nothing:

- **floor**: pyarrow reads the CSV, writes Parquet, and one load job takes it. No checks.
- **script**: `pandas.read_csv`, `batch.validate(suite)` with the same six expectations, `load_table_from_dataframe`.
- **dlt**: its `read_csv` (default), its DuckDB reader, and Arrow tables. No checks.
- **meltano**: `tap-spreadsheets` into `target-duckdb`, which install from the Python package index. It needs no emulator, and
  it loses a row of every 100,000.
- **waybill** with two worker processes, and with one.

All but Meltano load into an emulator of BigQuery: these are times of our code, not of Google's service."""

_SLOWER = """
## Where it is slower, and why

- **Many tiny files.** Each file has its own lease, raw copy, verdict and receipt. A script that reads them all in one go has none
  of these. These figures are from before bundles; [small files](small-files.md) has those after.
- **One large file.** The warehouse writes the rows twice: into a staging table, and in one transaction into the table. That is
  what makes a load safe to repeat.
- **Mail.** Many messages are fetched and marked at once, and quickly. The whole service is far from its target all the same:
  [Mail](performance/mail.md).

[Where the time goes](performance/time.md) has the seconds by step."""

_REPEAT = """
## How to repeat it

<!-- not run: it takes an hour or two -->
```sh
make bench          # everything; writes this page, what it leads to, and scale.md
make bench-short    # what matters most, once, under ten minutes
make bench-quick    # a hundredth of the rows: does it run at all?
```

The figures are kept in `data/bench/results.json`; `python -m bench report` writes the pages again from them.

## All figures

- [Every shape and contender](performance/figures.md), with processor time, memory and load jobs.
- [Where the time goes](performance/time.md): by step, start-up, a file of 10 GB.
- [Mail](performance/mail.md): messages a second.
- [The ledger as history grows](performance/ledger.md): each question with few and with millions of files, and its query plans.
- [Scale](scale.md): what a million files a day need."""


def _method(results: Mapping[str, Any]) -> Iterator[str]:
    machine = results["machine"]
    versions = ", ".join(f"`{name} {number}`" for name, number in results["versions"].items())
    yield ""
    yield (
        "Each figure is the median of the runs named. The contenders take turns. Each run has an"
        " empty BigQuery emulator and warm processes: imports and first connections are not"
        " counted. ± is half the distance between the slowest and the quickest run. CPU seconds"
        " are the contender's own. The servers' CPU seconds are the emulator's and, after the plus,"
        " those of the bucket and the broker. The peak is the resident memory of the contender's"
        " largest process."
    )
    yield ""
    yield (
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB,"
        f" {machine['system']}, Python {machine['python']}. Load before the run:"
        f" {machine['load']:.1f}. Versions: {versions}. Time: {results['at']}."
    )


def _shapes(results: Mapping[str, Any]) -> Iterator[str]:
    found = summaries(results)
    for shape in results["shapes"]:
        files = f", {shape['files']:,} files" if shape["files"] > 1 else ""
        yield from ("", f"## {shape['title']}", "")
        runs = max(map(len, shape["measured"].values()), default=0)
        times = "once" if runs == 1 else f"{runs} times"
        yield f"{shape['rows']:,} rows, {shape['bytes'] / 1e6:,.0f} MB{files}; run {times}."
        yield ""
        yield "| | wall s | ± % | CPU s | servers' CPU s | rows/s | MB/s | peak MB | load jobs |"
        yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
        for contender, summary in found[shape["name"]].items():
            yield f"| {contender} | " + " | ".join(_figures(shape, summary)) + " |"
        for each in results["skipped"]:
            if each["shape"] == shape["name"]:
                why = each["why"].splitlines()[-1][:200]
                yield from ("", f"{each['contender']} was left out: {why}")


def _where(results: Mapping[str, Any]) -> Iterator[str]:
    """Where the time goes: the phases by the ledger, and the modules by the profile."""
    yield ""
    yield (
        "Seconds by the timelines in the ledger. With several files the spans of preparing,"
        " loading and acknowledging overlap."
    )
    yield ""
    names = (
        "until prepare", "prepare", "wait for load", "load", "committed", "acknowledge",
        "acknowledged",
    )  # fmt: skip
    yield "| | " + " | ".join(names) + " | floor |"
    yield "| --- |" + " ---: |" * (len(names) + 1)
    found = summaries(results)
    for shape in results["shapes"]:
        ours = found[shape["name"]].get(OURS)
        if ours is None:
            continue
        floor = found[shape["name"]].get("floor")
        cells = [f"{ours.phases.get(name, 0.0):,.2f}" for name in names]
        cells.append(f"{floor.wall:,.2f}" if floor else "")
        yield f"| {shape['title']} | " + " | ".join(cells) + " |"
    yield ""
    yield (
        "What Waybill does beyond the floor:\n"
        "\n"
        "- It checks and casts each cell by the contract, with a reason for each bad one (`prepare`).\n"
        "- It fetches the raw file from the bucket, hashes it, and keeps it while its rows are read."
        " That is within `prepare`, or before it if the file is under 8 MiB or is no text.\n"
        "- The warehouse writes the rows twice (`load`): first into a staging table, then into the"
        " table, in one transaction with their bookkeeping.\n"
        "- Every step is a task with a lease."
    )
    yield ""
    yield (
        "The cost of a small file is counted until the last acknowledgement. When the last of 5,000"
        " files is committed, most of the others have been acknowledged; of 1,000 files, hardly"
        " any. One worker process fetches, reads, checks and writes a large file in several threads,"
        " which keep two cores busy. Further workers help where there are more cores."
    )
    if not results.get("profile"):
        return
    yield ""
    yield (
        "One file of 1M × 10 under a profiler, in one process without a broker. The seconds are"
        " those between a call into a module and its return, so they include what the module calls"
        " elsewhere. The profiler itself makes Python slower."
    )
    yield from ("", "| step | seconds | modules |", "| --- | ---: | --- |")
    for step in results["profile"]:
        shares = "; ".join(f"`{name}` {each:.2f}" for name, each in step["shares"].items())
        yield f"| {step['name']} | {step['wall']:.2f} | {shares} |"


def _start_up(results: Mapping[str, Any]) -> Iterator[str]:
    if not results.get("start_up"):
        return
    yield from ("", "## Start-up", "")
    for name, words in (("help", "`waybill --help`"), ("worker", "a worker, until it is ready")):
        yield f"- {words}: {results['start_up'][name]:.2f} s"


def _streamed(results: Mapping[str, Any]) -> Iterator[str]:
    streamed = results.get("streamed")
    if not streamed:
        return
    yield from ("", "## A very large file", "")
    yield (
        f"A gz file of {streamed['bytes'] / 1e9:.1f} GB unpacked, {streamed['rows']:,} rows,"
        f" through parse, cast, checks and Parquet: {streamed['seconds']:,.0f} s, at most"
        f" {streamed['peak_rss'] / 1e6:,.0f} MB of memory."
    )


_QUOTAS = """
## A day within BigQuery's quotas

`make quota-day` plays 24 hours of a virtual clock: 50,000 files an hour over 300 tables, without rows. Waybill's own decisions
meet the limits that the strict front of the tests enforces.

- 1,200,260 files went in 90,941 batches, and none was refused.
- A file waited 143 s (median), 285 s (99 %), 305 s at most.
- That is 0.08 load jobs and 0.23 DML statements a file. In append, a batch is billed 31 MB, a file 2.4 MB.

[bigquery.md](bigquery.md#quotas) says which limits bite."""


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Bars of wall-clock seconds, a panel a shape."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "waybill"
    from matplotlib import pyplot

    found = summaries(results)
    shapes = [shape for shape in results["shapes"] if found[shape["name"]]]
    columns = 2
    lines = (len(shapes) + columns - 1) // columns
    figure, axes = pyplot.subplots(
        lines, columns, figsize=(10, 2.3 * lines), squeeze=False, layout="constrained"
    )
    for place, axis in enumerate(axes.flat):
        if place >= len(shapes):
            axis.set_axis_off()
            continue
        _bars(axis, shapes[place], found[shapes[place]["name"]])
    figure.suptitle("Seconds from file to committed rows (shorter is better)")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _bars(axis: Any, shape: Mapping[str, Any], found: Mapping[str, Summary]) -> None:
    names = list(found)[::-1]
    walls = [found[name].wall for name in names]
    spread = [
        [found[name].wall - found[name].wall_low for name in names],
        [found[name].wall_high - found[name].wall for name in names],
    ]
    colours = [_COLOURS.get(name, "#9aa5b1") for name in names]
    bars = axis.barh(names, walls, xerr=spread, color=colours, ecolor="#52606d", height=0.7)
    axis.bar_label(bars, [f" {wall:,.1f}" for wall in walls], padding=2, fontsize=8)
    axis.set_title(shape["title"], fontsize=10, loc="left")
    axis.set_xlim(0, max(walls) * 1.25)
    # Bars are as thick in a panel with few of them.
    axis.set_ylim(-0.6, max(4, len(names)) - 0.4)
    axis.tick_params(labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
