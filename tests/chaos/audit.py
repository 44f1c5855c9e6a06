"""The audit after each round: rows to the cell, receipts, and what Waybill says of itself."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from bigquery_emulator import client_of
from chaos.deeds import Book, Deed
from chaos.world import World
from schemas.errors import WaybillError
from schemas.file import File

BACK_SECONDS = 120.0
"""How long everything may take to come back by itself."""


def settle(world: World, book: Book) -> float:
    """Wait until every file is done; the seconds it took. Raises AssertionError when it is not."""
    started = time.monotonic()
    runtime = world.runtime
    left: list[str] = []
    while time.monotonic() - started < BACK_SECONDS:
        try:
            files = list(runtime.ledger.files.latest(limit=10_000))
        except WaybillError as error:
            left = [error.message]
        else:
            left = _unfinished(files, book.deeds)
            if not left:
                return time.monotonic() - started
        time.sleep(0.3)
    raise AssertionError(f"not done after {BACK_SECONDS:.0f} s: {left[:10]}")


def _unfinished(files: Iterable[File], deeds: Iterable[Deed]) -> list[str]:
    done, names = Counter[str](), []
    for file in files:
        if file.status in ("done", "failed"):
            done[file.item.name] += 1
        else:
            names.append(f"{file.item.name} {file.status} tries {file.tries}")
    return names + [f"{deed.name} is unknown" for deed in deeds if not done[deed.name]]


def check(world: World, book: Book) -> list[str]:
    """Everything that is not as it must be, in words; empty if all is well."""
    faults = _check_files(world, book) + _check_rows(world, book)
    faults += _check_receipts(world, book) + _check_replies(world, book)
    faults += _check_commands(world)
    verified = world.cli("verify")
    if verified.returncode != 0:
        faults.append(f"waybill verify: {verified.stdout[-800:]}{verified.stderr[-800:]}")
    return faults


def _check_commands(world: World) -> list[str]:
    """Each batch that a file is of was told to its feed's command, at least once, and always in the
    same words."""
    ledger, started = world.runtime.ledger, time.monotonic()
    batches = {file.batch_id for file in ledger.files.latest(limit=10_000) if file.batch_id}
    owed: list[str] = []
    while time.monotonic() - started < BACK_SECONDS:
        runs = {each: ledger.after_loads.of(each) for each in batches}
        owed = [each for each, run in runs.items() if run is None or run.state != "done"]
        if not owed:
            break
        time.sleep(0.3)
    faults = [f"batch {each} was told to no command" for each in owed]
    told = defaultdict(set)
    for line in world.told.read_text("utf-8").splitlines() if world.told.exists() else ():
        told[json.loads(line)["batch_id"]].add(line)
    faults += [f"batch {each} is not in {world.told.name}" for each in batches - told.keys()]
    return faults + [f"batch {each} was told otherwise" for each in told if len(told[each]) > 1]


def _check_files(world: World, book: Book) -> list[str]:
    """Each file's outcome and counts; of files with the same bytes, one counts and the others
    repeat it, whichever was first."""
    by_name = defaultdict(list)
    for file in world.runtime.ledger.files.latest(limit=10_000):
        by_name[file.item.name].append(file)
    faults, same = [], defaultdict(list)
    for deed in book.deeds:
        same[deed.body].append(deed)
    for deeds in same.values():
        want = Counter((deed.outcome, deed.read, deed.loaded, deed.rejected) for deed in deeds)
        have = Counter(_became(file) for deed in deeds for file in by_name[deed.name])
        # A mailbox that was rebuilt lists its messages anew: the same bytes again.
        more = have - want
        if want - have or any(outcome != "repeated" for outcome, *_ in more):
            faults.append(f"{[deed.name for deed in deeds]}: {dict(have)} instead of {dict(want)}")
    for deed in book.deeds:
        if deed.upload is not None and len(by_name[deed.name]) != 1:
            faults.append(f"{deed.name} was sent once and is {len(by_name[deed.name])} files")
    return faults


def _became(file: File) -> tuple[Any, ...]:
    if file.status == "failed":
        return ("failed", file.reason, 0, 0)
    counts = file.counts
    if file.outcome == "quarantined":
        return (str(file.outcome), 0, 0, 0)
    return (str(file.outcome), counts.read, counts.loaded, counts.rejected)


def _rows(world: World, sql: str) -> list[tuple[Any, ...]]:
    client = client_of(world.twins["bigquery"].endpoint)
    return [tuple(row.values()) for row in client.query_and_wait(sql)]


def _check_rows(world: World, book: Book) -> list[str]:
    """The tables hold the expected rows, each once, to the cell."""
    wanted = {
        "orders": (
            "SELECT order_id, order_date, shop_id, quantity, unit_price, revenue"
            " FROM `demo.sales.orders`",
            book.orders,
        ),
        "inventory": (
            "SELECT snapshot_date, sku, on_hand FROM `demo.ops.inventory`",
            book.stock,
        ),
        "payouts": ("SELECT payout_id, gross, net FROM `demo.finance.payouts`", book.payouts),
    }
    faults = []
    for table, (sql, expected) in wanted.items():
        have, want = Counter(_rows(world, sql)), Counter(expected.values())
        if have != want:
            faults.append(
                f"{table}: {sum((want - have).values())} rows are missing,"
                f" {sum((have - want).values())} are too many:"
                f" {list((want - have).items())[:2]} {list((have - want).items())[:2]}"
            )
    # What a replayed file was rejected for in earlier batches is kept as well, as history.
    found = _rows(
        world,
        "SELECT file_id, batch_id, COUNT(*) FROM `demo.etl_meta.rejected_rows` GROUP BY 1, 2",
    )
    last = {
        (file.file_id, file.batch_id) for file in world.runtime.ledger.files.latest(limit=10_000)
    }
    rejected = sum(count for file_id, batch_id, count in found if (file_id, batch_id) in last)
    expected_rejects = sum(deed.rejected for deed in book.deeds)
    if rejected != expected_rejects:
        faults.append(f"{rejected} rejected rows instead of {expected_rejects}")
    return faults


def _check_receipts(world: World, book: Book) -> list[str]:
    """Each drop has its receipt beside it."""
    faults = []
    for deed in book.deeds:
        if deed.key is None:
            continue
        receipt = world.receipt(deed.key)
        if receipt is None:
            faults.append(f"{deed.key} has no receipt")
        elif json.loads(receipt)["name"] != deed.name:
            faults.append(f"the receipt of {deed.key} is another file's")
    return faults


def _check_replies(world: World, book: Book) -> list[str]:
    """Each mail was answered, and answers that came twice can be recognised as the same."""
    replies = defaultdict(set)
    for message in world.sink.messages:
        replies[str(message["In-Reply-To"])].add((message["To"], message["Message-ID"]))
    faults = []
    for deed in book.deeds:
        if deed.sender is None:
            continue
        found = replies[f"<{deed.name}@example.org>"]
        if not found:
            faults.append(f"{deed.sender} got no reply about {deed.name}")
        elif {to for to, _ in found} != {deed.sender}:
            faults.append(f"replies about {deed.name} went to {found}")
    return faults
