"""When loads are asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from celery import Celery

from entrypoints.worker.producer import QUEUES
from entrypoints.worker.queues import Queues
from pipelines.runtime import Runtime, Work
from pipelines.steps import STEPS
from schemas.limits import Limits


def _runtime(unprepared: bool) -> Runtime:
    ledger = SimpleNamespace(files=SimpleNamespace(unprepared=lambda feed: unprepared))
    limits = Limits(batch_seconds=60, step_seconds=900)
    return cast(Runtime, SimpleNamespace(ledger=ledger, limits=limits))


def _etas(app: Celery, queue: str) -> list[str | None]:
    """When the waiting tasks may start; None for at once."""
    with app.connection_for_read() as connection:
        waiting = connection.SimpleQueue(queue)
        return [waiting.get(block=False).headers["eta"] for _ in range(waiting.qsize())]


def test_while_files_are_prepared_one_load_waits_for_them_and_the_last_one_loads_at_once() -> None:
    app = Celery("quiet", broker="memory://")
    queues = Queues(app)
    load = Work("load", "orders")
    queues.send(_runtime(True), [load, load])
    queues.send(_runtime(True), [load, Work("load", "stock")])
    assert queues.length("load") == 2
    assert None not in _etas(app, "load")
    queues.send(_runtime(False), [load, Work("acknowledge", "f1")])
    assert _etas(app, "load") == [None]
    assert queues.length("acknowledge") == 1


def test_each_task_takes_a_bundle_of_its_own() -> None:
    queues = Queues(Celery("bundles", broker="memory://"))
    bundle = Work("prepare_many", "orders")
    queues.send(
        _runtime(True), [bundle, bundle, Work("digest", "orders"), Work("digest", "orders")]
    )
    assert (queues.length("prepare_many"), queues.length("digest")) == (2, 1)


def test_every_step_has_a_queue() -> None:
    assert set(STEPS) < set(QUEUES)
