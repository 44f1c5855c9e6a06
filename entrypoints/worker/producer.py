"""The producer: sends tasks to workers from a process that is none, without their imports."""

from __future__ import annotations

from functools import lru_cache

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from entrypoints.config.settings import Broker
from schemas.errors import RetryableError

OPERATE = "operate"
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
    "recover",
    "clean",
    "alerts",
    OPERATE,
)
"""All queues: one for each step, and those of the service itself."""
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


def queue_lengths(broker: Broker) -> dict[str, int]:
    """How many tasks wait in each queue. Raises RetryableError while the broker is away."""
    try:
        with _producer(broker).connection_for_read() as connection:
            size = connection.default_channel._size  # type: ignore[attr-defined]
            return {name: size(name) for name in QUEUES}
    except (OperationalError, RedisError) as error:
        raise RetryableError(f"the broker does not answer: {type(error).__name__}") from error


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
