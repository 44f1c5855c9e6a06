"""The benchmark's command line: `python -m bench --help`."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from rich.console import Console

from bench import servers
from bench.run import CONTENDERS, Plan, kept, run, save
from bench.shapes import SHAPES, Shape, make, scaled, warm_up

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data" / "bench"
CACHE = DATA / "files"
PAGE = ROOT / "docs" / "performance.md"
SCALE_PAGE = ROOT / "docs" / "scale.md"
SHORT_SHAPES = ("tall", "dirty", "thousand", "many")
SHORT_CONTENDERS = ("floor", "script", "dlt, arrow", "waybill")
MANY = {"sqlite": 1_000_000, "postgres": 10_000_000}
"""How many files the ledger is filled with, by database."""

_results = click.option(
    "--results",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DATA / "results.json",
    help="Where the figures are kept.",
)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=80)


@click.group()
def main() -> None:
    """Measure Waybill against what people run instead."""


@main.command("run")
@click.option("--shape", "-s", "shapes", multiple=True, type=click.Choice(list(SHAPES)))
@click.option("--contender", "-c", "contenders", multiple=True, type=click.Choice(list(CONTENDERS)))
@click.option("--runs", "-n", type=click.IntRange(1), default=5, show_default=True)
@click.option("--concurrency", type=click.IntRange(1), default=2, show_default=True)
@click.option("--quick", is_flag=True, help="A hundredth of the rows, once: does it run at all?")
@click.option("--short", is_flag=True, help="What matters most, once: under ten minutes.")
@click.option("--add", is_flag=True, help="Keep the shapes that were measured before.")
@_results
def run_command(
    shapes: tuple[str, ...],
    contenders: tuple[str, ...],
    runs: int,
    concurrency: int,
    quick: bool,
    short: bool,
    add: bool,
    results: Path,
) -> None:
    """Run contenders on shapes (all by default), in turns."""
    console = _console()
    shapes = shapes or (SHORT_SHAPES if short else tuple(SHAPES))
    contenders = contenders or (SHORT_CONTENDERS if short else tuple(CONTENDERS))
    runs = 1 if short else runs
    chosen = [SHAPES[name] for name in shapes]
    if quick:
        chosen, runs = [scaled(shape, 0.01) for shape in chosen], 1
        results = results.with_stem(f"{results.stem}-quick")
    plan = Plan(
        shapes=chosen,
        contenders=contenders,
        runs=runs,
        concurrency=concurrency,
        cache=CACHE,
    )
    run(plan, console, lambda found: save(found, results, add=add))
    _show(results, console)


@main.command()
@click.option("--events", is_flag=True, help="From the drop on, told of by a queue.")
@_results
def drops(events: bool, results: Path) -> None:
    """Drop 100 files, one after the other, on an idle service: seconds to the receipt of each."""
    from bench.drops import figures, measure_drops, measure_events

    shape = Shape(name="drops", title="100 drops", rows=2_000, files=100)
    made, warm = make(shape, CACHE), make(warm_up(), CACHE)
    with TemporaryDirectory(prefix="bench-") as name, servers.shared(Path(name) / "shared") as both:
        servers.upload(both.s3, warm)
        measure = measure_events if events else measure_drops
        found = figures(measure(made, warm, both, Path(name) / "run"))
    if events:
        save({"events": found}, results)
        half, most = found["drop_p50"], found["drop_p95"]
        _console().print(f"from the drop to the receipt: {half:.2f} s, p95 {most:.2f} s")
        return
    save({"drops": found}, results)
    _show(results, _console())


@main.command()
@click.option("--few", type=int, default=1000, show_default=True)
@click.option("--many", type=int, help="1,000,000 on SQLite and 10,000,000 on PostgreSQL.")
@click.option("--newest", type=int, default=1_000_000, show_default=True, help="With timelines.")
@click.option("--senders", type=click.IntRange(1), default=50_000, show_default=True)
@click.option("--database", "-d", "databases", multiple=True, default=tuple(MANY))
@_results
def ledger(
    few: int, many: int | None, newest: int, senders: int, databases: tuple[str, ...], results: Path
) -> None:
    """Ask the ledger everyday questions with little and with much history; `--many 100000` takes
    half a minute."""
    from bench.ledger_history import History
    from bench.ledger_scale import compare

    console = _console()
    found = kept(results).get("ledger", {})
    for database in databases:
        most = many or MANY[database]
        console.print(f"{database}: filling {few:,} and {most:,} files", style="bold")
        questions = compare(database, History(few, newest, senders), History(most, newest, senders))
        found[database] = {
            "few": few,
            "many": most,
            "newest": min(newest, most),
            "senders": senders,
            "questions": [{**asdict(each), "grows": each.grows} for each in questions],
        }
        for each in questions:
            mark = "  grows" if each.grows else ""
            console.print(
                f"  {each.name:<50} {each.few * 1000:8.2f} {each.many * 1000:8.2f} ms{mark}",
                markup=False,
            )
        save({"ledger": found}, results)


@main.command()
@click.option("--shape", "-s", type=click.Choice(list(SHAPES)), default="tall")
@click.option("--spy", is_flag=True, help="Write a flame graph by py-spy instead.")
@_results
def profile(shape: str, spy: bool, results: Path) -> None:
    """Take one file along in one process, under a profiler."""
    from bench.profile import profile as profile_shape

    console = _console()
    made, warm = make(SHAPES[shape], CACHE), make(warm_up(), CACHE)
    with TemporaryDirectory(prefix="waybill-bench-") as temporary:
        folder = Path(temporary)
        with servers.shared(folder / "servers") as shared:
            for each in (made, warm):
                servers.upload(shared.s3, each)
            steps = profile_shape(made, warm, shared, folder / "run", spy)
        if spy:
            DATA.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / "profile.svg", DATA / "profile.svg")
            console.print(f"see {DATA / 'profile.svg'}")
    for step in steps:
        console.print(f"{step.name:<12} {step.wall:7.2f} s {step.cpu:7.2f} CPU s", style="bold")
        for name, seconds in step.shares.items():
            console.print(f"  {seconds:7.3f}  {name}", markup=False)
    if not spy:
        save({"profile": [asdict(step) for step in steps]}, results)


@main.command()
@click.option("--gigabytes", type=float, default=10, show_default=True, help="Unpacked.")
@_results
def memory(gigabytes: float, results: Path) -> None:
    """Prepare one very large gz file, and look at the memory that takes."""
    from bench.memory import stream

    with TemporaryDirectory(prefix="waybill-bench-") as temporary:
        found = stream(make(SHAPES["tall"], CACHE), gigabytes, Path(temporary) / "stream")
    _console().print(
        f"{found.bytes / 1e9:.1f} GB, {found.rows:,} rows: {found.seconds:,.0f} s,"
        f" at most {found.peak_rss / 1e6:,.0f} MB"
    )
    save({"streamed": asdict(found)}, results)


@main.command()
@click.option("--messages", "-n", type=click.IntRange(20), default=1000, show_default=True)
@click.option("--rows", type=click.IntRange(1), default=20, show_default=True, help="Each.")
@click.option("--concurrency", type=click.IntRange(1), default=2, show_default=True)
@click.option("--alone", is_flag=True, help="Only the mailbox, without a worker.")
@_results
def mail(messages: int, rows: int, concurrency: int, alone: bool, results: Path) -> None:
    """Take messages with an attachment each from Dovecot: from the mailbox alone, and through the
    whole service."""
    from bench import mail as bench_mail

    console = _console()
    shape = Shape(
        name=f"mailed_{messages}_{rows}", title="mails", rows=messages * rows, files=messages
    )
    files, warm = make(shape, CACHE), make(warm_up(), CACHE)
    with TemporaryDirectory(prefix="waybill-bench-") as temporary, bench_mail.server() as server:
        if server is None:
            console.print("mail is left out: Dovecot is not installed (apt-get: dovecot-imapd)")
            return
        ways = bench_mail.mailbox_alone(server, files.paths)
        for name, way in ways.items():
            console.print(
                f"  {name:<22} {way.messages:5,} in {way.seconds:6.2f} s,"
                f" {way.a_second:6,.0f} a second, {way.commands:5,} commands"
            )
        found: dict[str, Any] = {"ways": {name: asdict(way) for name, way in ways.items()}}
        if not alone:
            folder = Path(temporary)
            with servers.shared(folder / "servers") as shared:
                taken = bench_mail.whole_way(
                    server, files, warm, shared, folder / "run", concurrency
                )
            console.print(
                f"  whole service: committed {taken.committed:.1f} s, marked {taken.marked:.1f} s,"
                f" {taken.messages / taken.marked:.1f} a second,"
                f" {taken.cpu / taken.messages * 1000:.0f} ms of CPU each"
            )
            found["service"] = asdict(taken)
    save({"mail": {**kept(results).get("mail", {}), **found}}, results)


@main.command()
@click.option("--files", "-n", type=click.IntRange(10), default=1000, show_default=True)
@click.option("--rows", type=click.IntRange(1), default=20, show_default=True, help="Each.")
@click.option("--concurrency", type=click.IntRange(1), default=2, show_default=True)
@click.option("--again", is_flag=True, help="Only write the page, from the counts that are kept.")
@_results
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), default=SCALE_PAGE)
def scale(files: int, rows: int, concurrency: int, again: bool, results: Path, page: Path) -> None:
    """Count what a file asks of ledger, broker and warehouse, and reckon from it what many need."""
    from bench import scale as reckoning
    from bench.load_counts import Counts, count

    if not again:
        shape = Shape(
            name=f"counted_{files}_{rows}", title="counted", rows=files * rows, files=files
        )
        made, warm = make(shape, CACHE), make(warm_up(), CACHE)
        with TemporaryDirectory(prefix="waybill-bench-") as temporary:
            folder = Path(temporary)
            folder.chmod(0o711)
            with servers.shared(folder / "servers") as shared:
                for each in (made, warm):
                    servers.upload(shared.s3, each)
                save({"scale": asdict(count(made, warm, shared, folder / "run", concurrency))},
                     results)  # fmt: skip
    counts = Counts(**kept(results)["scale"])
    reckoning.write(counts, page)
    console = _console()
    for line in reckoning.page(counts):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"see {page}")


@main.command()
@_results
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), default=PAGE)
def report(results: Path, page: Path) -> None:
    """Write docs/performance.md and its plot from the figures that are kept."""
    from bench.report import write

    write(json.loads(results.read_text()), page)
    console = _console()
    _show(results, console)
    console.print(f"see {page}")


def _small_files(name: str, files: int, rows: int) -> Shape:
    """So many files of so many rows each, under a name of their own in the cache."""
    return Shape(name=f"{name}_{files}_{rows}", title=name, rows=files * rows, files=files)


def _show(results: Path, console: Console) -> None:
    from bench.report import show

    show(json.loads(results.read_text()), console)


if __name__ == "__main__":
    main()
