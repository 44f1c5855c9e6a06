"""The producer: sends tasks to workers from a process that is none, without their imports."""

from __future__ import annotations

from functools import lru_cache

from celery import Celery

from entrypoints.config.settings import Broker

OPERATE = "operate"
OPERATE_SECONDS = 24 * 3600
"""How long one operation may take."""


def send_operation(broker: Broker, operation_id: str) -> None:
    """Send an operation to the workers. Raises OperationalError while the broker is away."""
    ask_for(_producer(broker), operation_id, retry=False)


def ask_for(app: Celery, operation_id: str, *, retry: bool = True) -> None:
    """Send an operation by that app."""
    app.send_task(
        f"waybill.{OPERATE}",
        args=(operation_id,),
        queue=OPERATE,
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
