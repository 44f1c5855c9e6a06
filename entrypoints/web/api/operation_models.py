"""Operation models: what is answered to acts, and how long work is followed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from fastapi import Request, Response
from pydantic import Field

from entrypoints.web.api.caller import Caller
from entrypoints.web.api.fields import Body, Model, Moment, Text
from pipelines.operations.checks import check_result
from pipelines.operations.drift_samples import samples_result
from pipelines.operations.masking import Mask
from pipelines.operations.row_search import row_request, row_result
from schemas.operation import Operation, OperationKind, OperationState


class OperationModel(Model):
    """Long work: `state` says how far it is; once it is done, `result` what it did."""

    operation_id: str = Field(examples=["8c1f0de2aa934b70"])
    kind: OperationKind
    feed: str | None
    state: OperationState
    request: dict[str, Any]
    who: Text
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    result: dict[str, Any] | None
    error: Text | None
    hint: Text | None

    @classmethod
    def of(cls, operation: Operation, caller: Caller) -> Self:
        """An operation as it is. Why it has failed may quote a row."""
        mask = caller.mask(operation.feed)
        return cls(
            operation_id=operation.operation_id,
            kind=operation.kind,
            feed=operation.feed or None,
            state=operation.state,
            request=_request(operation, mask),
            who=operation.actor.who,
            created_at=operation.created_at,
            started_at=operation.started_at,
            finished_at=operation.finished_at,
            result=_result(operation, mask),
            error=mask.sentence(operation.error),
            hint=mask.sentence(operation.hint),
        )


def _request(operation: Operation, mask: Mask) -> dict[str, Any]:
    is_row = operation.kind is OperationKind.FIND_ROW
    return row_request(operation.request, mask) if is_row else dict(operation.request)


def _result(operation: Operation, mask: Mask) -> dict[str, Any] | None:
    if operation.result is None:
        return None
    match operation.kind:
        case OperationKind.CHECK:
            return check_result(dict(operation.result), mask.sees_all)
        case OperationKind.FIND_ROW:
            return row_result(operation.result, mask)
        case OperationKind.DRIFT_SAMPLES:
            return samples_result(operation.result, mask)
        case _:
            return dict(operation.result)


class OperationsModel(Model):
    """The latest operations."""

    items: tuple[OperationModel, ...]


class Bounds(Body):
    """Which files are meant, by when they were sent; `until` not included."""

    since: Moment | None = None
    until: Moment | None = None


class ReplayBody(Bounds):
    """The same; `tell` mails the senders again."""

    tell: bool = False


class FileReplayBody(Body):
    """Whether the sender is mailed again."""

    tell: bool = False


def accepted(
    caller: Caller, request: Request, response: Response, operation: Operation
) -> OperationModel:
    """Send an operation to the workers, and say where it can be followed."""
    caller.context.send(operation)
    followed = request.url_for("get_operation", operation_id=operation.operation_id)
    response.headers["Location"] = followed.path
    response.headers["Retry-After"] = "2"
    return OperationModel.of(operation, caller)
