"""Rounds: each breaks something while files arrive, and then looks whether all came right."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chaos.audit import check, settle
from chaos.deeds import Book
from chaos.disk import small_disk
from chaos.drafting import all_corrected, correct
from chaos.world import World
from connectors.failpoints import POINTS
from entrypoints.worker.app import make_app
from pipelines.steps import STEPS

_FILES = 6
_HIT_SECONDS = 120.0
_OF_LARGE = frozenset({"prepare.preloading", "load.adopted"})
"""Crash points that only files come to that are cut into parts."""


_OF_DRAFTS = frozenset(
    {"draft.saved", "draft.checked", "draft.submitted", "draft.sent", "acknowledge.followed"}
)
"""Crash points that are only come to where rejected rows are corrected over the API."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a round: seconds until all was done again, and every fault that was left."""

    name: str
    seconds: float
    faults: tuple[str, ...] = ()
    note: str = ""


def crash_rounds(points: list[str]) -> Iterator[tuple[str, Callable[[World, Book], str]]]:
    """A round for each crash point: once the pool's child dies there, once the whole worker."""
    for point in points:
        if point.startswith("upload."):
            # Whoever takes uploads has no children.
            yield f"{point} (web)", _crash_web(point)
            continue
        for suffix, who in (("", "child"), ("!", "worker")):
            breaking = _crash_drafting if point in _OF_DRAFTS else _crash
            yield f"{point} ({who})", breaking(point + suffix)


def _crash(order: str) -> Callable[[World, Book], str]:
    def breaking(world: World, book: Book) -> str:
        world.crash_file.write_text(order, encoding="utf-8")
        # A batch adopts the rows of a large file only if no other file's are in it.
        is_of_large = order.removesuffix("!") in _OF_LARGE
        for deed in [book.large()] if is_of_large else book.one_of_each():
            world.do(deed)
        deadline = time.monotonic() + _HIT_SECONDS
        while world.crash_file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        hit = not world.crash_file.exists()
        world.crash_file.unlink(missing_ok=True)
        for deed in book.one_of_each() if is_of_large else []:
            world.do(deed)
        return "" if hit else "the point was not reached"

    return breaking


def _crash_drafting(order: str) -> Callable[[World, Book], str]:
    """The web process or a worker dies there, and the ledger with it where it is a server."""

    def breaking(world: World, book: Book) -> str:
        world.crash_file.write_text(order, encoding="utf-8")
        file = correct(world, *book.corrected())
        deadline = time.monotonic() + _HIT_SECONDS
        while world.crash_file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        hit = not world.crash_file.exists()
        world.crash_file.unlink(missing_ok=True)
        if "postgres" in world.twins:
            world.twins["postgres"].kill()
        world.bring_back()
        all_corrected(world, file)
        return "" if hit else "the point was not reached"

    return breaking


def _crash_web(point: str) -> Callable[[World, Book], str]:
    def breaking(world: World, book: Book) -> str:
        world.crash_file.write_text(point, encoding="utf-8")
        for _ in range(2):
            # The sender has no answer, and sends it again.
            world.do(book.uploaded())
        hit = not world.crash_file.exists()
        world.crash_file.unlink(missing_ok=True)
        return "" if hit else "the point was not reached"

    return breaking


def _kill_web(world: World, book: Book) -> str:
    """The web process is killed again and again while it takes files."""
    world.do(book.uploaded())
    for _ in range(_FILES):
        later = threading.Timer(book.rng.uniform(0, 0.3), world.kill_service, ("web-1",))
        later.start()
        world.do(book.uploaded())
        later.join()
        world.start_web()
    return ""


def kill_rounds(world: World) -> dict[str, Callable[[World, Book], str]]:
    """A round for every server and process of ours that can be killed, and one for Redis with its
    data."""
    rounds = {f"kill -9 {name}": _kill_server(name) for name in world.twins}
    rounds["kill -9 redis, its data lost"] = _kill_server("redis", lose_data=True)
    rounds |= {f"kill -9 {name}": _kill_service(name) for name in ("worker-1", "beat-1")}
    rounds["kill -9 web-1"] = _kill_web
    rounds["kill -9 everything"] = _kill_everything
    return rounds


def _while_files_arrive(world: World, book: Book, breaking: Callable[[], None]) -> None:
    """Files before, at and after the moment at which it breaks."""
    moment = book.rng.randrange(_FILES)
    for index, deed in enumerate(book.some(_FILES)):
        if index == moment:
            breaking()
        world.do(deed)
        time.sleep(book.rng.uniform(0, 0.8))
    time.sleep(book.rng.uniform(0, 2))


def _kill_server(name: str, *, lose_data: bool = False) -> Callable[[World, Book], str]:
    def breaking(world: World, book: Book) -> str:
        _while_files_arrive(world, book, lambda: world.twins[name].kill(lose_data=lose_data))
        return ""

    return breaking


def _kill_service(name: str) -> Callable[[World, Book], str]:
    def breaking(world: World, book: Book) -> str:
        _while_files_arrive(world, book, lambda: world.kill_service(name))
        return ""

    return breaking


def _kill_everything(world: World, book: Book) -> str:
    def breaking() -> None:
        for name in ("worker-1", "worker-2", "beat-1", "beat-2"):
            world.kill_service(name)
        for twin in world.twins.values():
            if twin.proxy.target is not None:
                twin.kill()

    _while_files_arrive(world, book, breaking)
    return ""


def cut(world: World, book: Book) -> str:
    """Connections to every server break again and again, and all are slow."""
    for deed in book.some(_FILES):
        world.do(deed)
        for twin in world.twins.values():
            twin.proxy.delay = book.rng.choice([0.0, 0.01, 0.1])
            if book.rng.random() < 0.6:
                twin.proxy.cut()
        time.sleep(book.rng.uniform(0, 1))
    return ""


def doubled(world: World, book: Book) -> str:
    """Every task comes again, several times and in any order, while and after it is due."""
    app = make_app(world.config)
    deeds = book.some(_FILES)
    for deed in deeds:
        world.do(deed)
    for _ in range(5):
        time.sleep(0.7)
        files = world.runtime.ledger.files.latest(limit=50)
        tasks = [(step, file.file_id) for file in files for step in ("prepare", "acknowledge")]
        tasks += [(step, feed) for feed in world.runtime.feeds for step in ("discover", "load")]
        tasks = book.rng.sample(tasks * 2, k=len(tasks) * 2)
        with app.connection_for_write() as connection:
            for step, target in tasks:
                assert step in STEPS
                app.send_task(f"waybill.{step}", args=(target,), queue=step, connection=connection)
    return ""


def full_disk(world: World, book: Book) -> str:
    """A worker whose disk has no room for more than a little; later it is given room."""
    with small_disk(world.folder / "worker-1") as limited:
        if limited is None:
            return "skipped: no small disk can be made here"
        world.kill_service("worker-2")
        world.restart("worker-1", limited)
        for deed in book.some(_FILES):
            world.do(deed)
        time.sleep(8)
        world.kill_service("worker-1")
    return ""


def late_jobs(world: World, book: Book) -> str:
    """Transactions ignore that they are told to stop, are given up as lost, and go on at last,
    after others have done their work."""
    world.front.hold("_commit_1$")
    for deed in book.some(_FILES):
        world.do(deed)
        time.sleep(book.rng.uniform(0, 1))
    deadline = time.monotonic() + _HIT_SECONDS
    while not (held := _held(world)) and time.monotonic() < deadline:
        time.sleep(0.5)
    # Given up as lost, the next job of the same batch does the work.
    settle(world, book)
    world.front.let_go()
    return "" if held else "no transaction was held"


def _held(world: World) -> bool:
    return any(job["held"] for job in world.front.jobs())


def moved_clock(world: World, book: Book) -> str:
    """One worker's clock is an hour ahead, the other's an hour behind."""
    faketime = shutil.which("faketime")
    if faketime is None:
        return "skipped: there is no faketime here"
    world.restart("worker-1", (faketime, "-f", "+1h"))
    world.restart("worker-2", (faketime, "-f", "-1h"))
    for deed in book.some(_FILES):
        world.do(deed)
    time.sleep(12)
    for name in ("worker-1", "worker-2"):
        world.kill_service(name)
    return ""


def undone(world: World, book: Book) -> str:
    """Files are unloaded and replayed while others arrive; each command is killed on its way."""
    for deed in book.some(_FILES):
        world.do(deed)
    settle(world, book)
    loaded = [deed for deed in book.deeds if deed.key and deed.loaded]
    for deed in book.rng.sample(loaded, k=2):
        for command in ("unload", "replay"):
            for other in book.some(2):
                world.do(other)
            world.cli_killed(command, deed.name, "--yes", seconds=book.rng.uniform(1, 5))
            again = world.cli(command, deed.name, "--yes")
            file = next(each for each in world.runtime.ledger.files.latest(limit=10_000)
                        if each.item.name == deed.name)  # fmt: skip
            if command == "unload":
                assert file.status == "unloaded", again.stdout + again.stderr
    return ""


def play(name: str, breaking: Callable[[World, Book], str], world: World, book: Book) -> Outcome:
    """One round: break, bring back, wait until all is done, and look."""
    try:
        note = breaking(world, book)
        world.bring_back()
        seconds = settle(world, book)
    except AssertionError as error:
        return Outcome(name, 0.0, (str(error), *world.last_words()))
    return Outcome(name, seconds, tuple(check(world, book)), note)


def schedule(
    world: World, book: Book, random_rounds: int
) -> Iterator[tuple[str, Callable[[World, Book], str]]]:
    """Every named round in turn, and then some of them again at random."""
    named = [
        *crash_rounds(list(POINTS)),
        *kill_rounds(world).items(),
        ("connections cut and slow", cut),
        ("every task twice, out of order", doubled),
        ("disk full", full_disk),
        ("clocks an hour apart", moved_clock),
        ("lost transactions that commit late", late_jobs),
        ("unload and replay, killed", undone),
    ]
    yield from named
    for _ in range(random_rounds):
        yield book.rng.choice(named)


def new_book(seed: int) -> Book:
    """A book whose files are the same for the same seed."""
    return Book(random.Random(seed))
