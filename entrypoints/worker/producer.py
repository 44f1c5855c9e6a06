"""The producer: sends tasks to workers from a process that is none, without their imports."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import ceil

from celery import Celery

from entrypoints.config.settings import Broker
from pipelines.runtime import Work
from schemas.operation import Operation, OperationKind

OPERATE, CHECK = "operate", "check"
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
    return CHECK if operation.kind is OperationKind.CHECK else OPERATE


def ask_for(app: Celery, operation: Operation, *, retry: bool = True) -> None:
    """Send an operation by that app."""
    app.send_task(
        f"waybill.{OPERATE}",
        args=(operation.operation_id,),
        queue=queue_of(operation),
        time_limit=OPERATE_SECONDS,
        retry=retry,
    )


@lru_cache(maxsize=1)
def _producer(broker: Broker) -> Celery:
    app = Celery("waybill", broker=broker.url.get_secret_value(), set_as_current=False)
    app.conf.update(
        task_serializer="json",
        task_ignore_result=True,
        broker_use_ssl=broker.tls,
        broker_connection_retry=False,
        broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 5},
    )
    return app
