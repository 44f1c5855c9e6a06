"""The producer: sends tasks to workers from a process that is none, without their imports."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from math import ceil
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from entrypoints.config.settings import Broker
from pipelines.runtime import Work
from schemas.errors import RetryableError
from schemas.operation import Operation, OperationKind

log = logging.getLogger(__name__)

OPERATE, CHECK = "operate", "check"
QUEUES = (
    "discover",
    "survey",
    "prepare",
    "prepare_many",
    "part",
    "load",
    "acknowledge",
    "acknowledge_many",
    "digest",
    "post",
    "after_load",
    "recover",
    "clean",
    "alerts",
    OPERATE,
    CHECK,
)
"""All queues: one for each step, and those of the service itself."""
OPERATE_SECONDS = 24 * 3600
"""How long one operation may take."""


def send_operation(broker: Broker, operation: Operation) -> None:
    """Send an operation to the workers. Raises OperationalError while the broker is away."""
    ask_for(_producer(broker), operation, retry=False)


def send_steps(broker: Broker, steps: Mapping[Work, float]) -> None:
    """Send steps to the workers, each with how many seconds it may take. Raises OperationalError
    while the broker is away."""
    for work, seconds in steps.items():
        _producer(broker).send_task(
            f"waybill.{work.step}",
            args=(work.target,),
            queue=work.step,
            time_limit=ceil(seconds),
            retry=False,
        )


def queue_of(operation: Operation) -> str:
    """The queue of an operation: somebody sits before a screen and waits for a check."""
    checks = (
        OperationKind.CHECK,
        OperationKind.CHECK_DRAFT,
        OperationKind.FIND_ROW,
        OperationKind.DRIFT_SAMPLES,
    )
    return CHECK if operation.kind in checks else OPERATE


def ask_for(app: Celery, operation: Operation, *, retry: bool = True) -> None:
    """Send an operation by that app."""
    app.send_task(
        f"waybill.{OPERATE}",
        args=(operation.operation_id,),
        queue=queue_of(operation),
        time_limit=OPERATE_SECONDS,
        retry=retry,
    )


def ask_for_alerts(broker: Broker) -> None:
    """Have a worker look at alerts; only logs it when the broker is away."""
    try:
        _producer(broker).send_task("waybill.alerts", queue="alerts", expires=300, retry=False)
    except (OperationalError, RedisError) as error:
        log.warning("nobody could be asked to look at alerts: %s", error)


def queue_lengths(broker: Broker) -> dict[str, int]:
    """How many tasks wait in each queue. Raises RetryableError while the broker is away."""
    try:
        with _producer(broker).connection_for_read() as connection:
            return _sizes(connection.default_channel)
    except (OperationalError, RedisError) as error:
        raise RetryableError(f"the broker does not answer: {type(error).__name__}") from error


def _sizes(channel: Any) -> dict[str, int]:
    """The length of every queue, which has a list for each priority, in one question."""
    steps = channel.priority_steps
    with channel.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
        for name in QUEUES:
            for step in steps:
                pipe.llen(channel._q_for_pri(name, step))
        lengths = iter(pipe.execute())
    return {name: sum(next(lengths) for _ in steps) for name in QUEUES}


@lru_cache(maxsize=1)
def _producer(broker: Broker) -> Celery:
    app = Celery("waybill", broker=broker.url.get_secret_value(), set_as_current=False)
    app.conf.update(
        task_serializer="json",
        task_ignore_result=True,
        broker_use_ssl=broker.tls,
        broker_connection_retry=False,
        # Whoever asks waits before a page: they are told soon that the broker is away.
        broker_transport_options={
            "socket_connect_timeout": 2,
            "socket_timeout": 5,
            "max_retries": 0,
        },
    )
    return app
