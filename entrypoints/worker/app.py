"""The Celery app: the stages as tasks on named queues, and beat's schedule from the feeds.

Tasks carry names and ids only. Delivery is at least once; the ledger's claims make each step safe
to run twice, so there is no result backend and no Celery retry: what failed is in the ledger,
and `recover` finds it there.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import (
    beat_init,
    task_failure,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutdown,
)
from kombu import Queue

from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import Settings, read_settings
from entrypoints.worker.beat import scheduler_of
from entrypoints.worker.beat_schedule import beat_schedule, look_at_once
from entrypoints.worker.child_heartbeat import ChildSigns
from entrypoints.worker.dead_letters import put_bad_messages_aside
from entrypoints.worker.forks import ParentsLedger
from entrypoints.worker.heartbeat import WorkerHeartbeat
from entrypoints.worker.producer import CHECK, OPERATE, QUEUES, ask_for, ask_for_alerts, queue_of
from entrypoints.worker.queues import Queues
from entrypoints.worker.time_limits import GivesBack
from pipelines.acknowledge.move import move_originals
from pipelines.discover.look import look
from pipelines.monitor.alerts import evaluate_alerts
from pipelines.monitor.freshness import publish
from pipelines.operations.long_work import do_operation
from pipelines.operations.recover import recover
from pipelines.operations.retention import clean
from pipelines.runtime import Runtime
from pipelines.steps import STEPS
from pipelines.validate.great_expectations import import_gx
from schemas.errors import WaybillError

log = logging.getLogger(__name__)


class WorkerContext:
    """The queues, and the runtime of this process, made at its first task: connections never cross
    a fork."""

    def __init__(self, settings: Settings, queues: Queues, parents: Runtime) -> None:
        self.settings, self.queues, self._parents = settings, queues, parents
        self._made: tuple[int, Runtime] | None = None

    @property
    def runtime(self) -> Runtime:
        """This process's runtime."""
        if self._made is None or self._made[0] != os.getpid():
            # A child that begins later must not end for a file that has become wrong meanwhile.
            runtime = build_runtime(self.settings, before=self._parents)
            runtime = replace(runtime, ask=partial(self.queues.ask, runtime))
            self._made = (os.getpid(), runtime)
        return self._made[1]


def make_app(config: Path) -> Celery:
    """The Celery app of a config.yaml, with its tasks and beat entries; connects to nothing."""
    settings = read_settings(config)
    put_bad_messages_aside()
    app = Celery("waybill", broker=settings.broker.url.get_secret_value(), set_as_current=True)
    runtime = build_runtime(settings)
    waybill = WorkerContext(settings, Queues(app), runtime)
    app.conf.update(_options(settings))
    app.conf.beat_schedule = beat_schedule(runtime, app)
    app.conf.beat_scheduler = scheduler_of(runtime)
    for step in STEPS:
        _add_step(app, waybill, step)
    _add_look(app, waybill)
    _add_recover(app, waybill)
    _add_operate(app, waybill)
    _add_clean(app, waybill)
    _add_alerts(app, waybill)
    children = ChildSigns(settings.folders.work, settings.alerts.worker_seconds / 3)
    ledger = ParentsLedger(waybill)
    signs = WorkerHeartbeat(ledger, children, partial(ask_for_alerts, settings.broker))
    worker_ready.connect(signs.begin, weak=False)
    worker_shutdown.connect(signs.end, weak=False)
    worker_init.connect(_warm_up, weak=False)
    beat_init.connect(partial(look_at_once, app), weak=False)
    worker_process_init.connect(_quiet_children, weak=False)
    worker_process_init.connect(children.begin, weak=False)
    task_failure.connect(GivesBack(ledger), weak=False)
    return app


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_queues": [Queue(name) for name in QUEUES],
        "task_default_queue": "recover",
        "task_create_missing_queues": False,
        "worker_prefetch_multiplier": 1,
        # Steps that are sent with a limit of their own keep to that.
        "task_time_limit": 6 * settings.limits.step_seconds,
        "worker_concurrency": settings.concurrency,
        "worker_hijack_root_logger": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "visibility_timeout": settings.broker.visibility_seconds,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
        },
        "broker_use_ssl": settings.broker.tls,
        "beat_schedule_filename": str(settings.folders.work / "beat-schedule"),
        # Beat answers TERM between two rounds, so that a round may not be long.
        "beat_max_loop_interval": 1,
        "enable_utc": True,
        "timezone": "UTC",
    }


def _add_step(app: Celery, waybill: WorkerContext, step: str) -> None:
    @app.task(name=f"waybill.{step}")
    def run_step(target: str) -> None:
        runtime = waybill.runtime
        with log_expected_errors(f"{step} of {target}"):
            waybill.queues.send(runtime, STEPS[step](runtime, target))


def _add_look(app: Celery, waybill: WorkerContext) -> None:
    @app.task(name="waybill.look")
    def run_look(feed: str) -> None:
        runtime = waybill.runtime
        with log_expected_errors(f"look of {feed}"):
            waybill.queues.send(runtime, look(runtime, feed))


def _add_recover(app: Celery, waybill: WorkerContext) -> None:
    @app.task(name="waybill.recover")
    def run_recover() -> None:
        runtime = waybill.runtime
        with log_expected_errors("recover"):
            work = recover(runtime)
            move_originals(runtime)
            idle = {step for step in STEPS if waybill.queues.length(step) == 0}
            # A step whose queue is not empty is behind, not forgotten: its files are in the queue.
            waybill.queues.send(runtime, (each for each in work if each.step in idle))
            idle = {queue for queue in (OPERATE, CHECK) if waybill.queues.length(queue) == 0}
            for operation_id in runtime.ledger.operations.due() if idle else ():
                operation = runtime.ledger.operations.get(operation_id)
                if queue_of(operation) in idle:
                    ask_for(app, operation)


def _add_operate(app: Celery, waybill: WorkerContext) -> None:
    @app.task(name=f"waybill.{OPERATE}")
    def run_operate(operation_id: str) -> None:
        with log_expected_errors(f"operation {operation_id}"):
            do_operation(waybill.runtime, operation_id)


def _add_clean(app: Celery, waybill: WorkerContext) -> None:
    @app.task(name="waybill.clean")
    def run_clean() -> None:
        with log_expected_errors("clean"):
            cleaned = clean(waybill.runtime)
            for each in cleaned:
                if each.count:
                    log.info("cleaned %d %s", each.count, each.kind)
            if any(each.more for each in cleaned):
                app.send_task("waybill.clean", queue="clean", expires=600)


def _add_alerts(app: Celery, waybill: WorkerContext) -> None:
    @app.task(name="waybill.alerts")
    def run_alerts() -> None:
        with log_expected_errors("alerts"):
            evaluate_alerts(waybill.runtime)

    @app.task(name="waybill.publish")
    def run_publish() -> None:
        with log_expected_errors("publish"):
            publish(waybill.runtime)


class log_expected_errors:
    """Log an error that the ledger or beat will bring back, instead of failing the task."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, WaybillError):
            log.warning("%s: %s", self._what, error.message)
            return True
        return False


def _warm_up(**_: object) -> None:
    """Import in the parent what every child needs: forked children share its memory."""
    import_gx()


def _quiet_children(**_: object) -> None:
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
