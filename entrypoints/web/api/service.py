"""The service: who asks, its workers, quotas, operations and acts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from entrypoints.web.api.caller import Admin, Viewer
from entrypoints.web.api.fields import Limit, Model, Text
from entrypoints.web.api.operation_models import OperationModel, OperationsModel
from entrypoints.web.api.paging import link_next
from entrypoints.web.api.problems import NOT_FOUND, responses
from pipelines.operations.acts import list_acts
from pipelines.operations.long_work import list_operations, operation_of
from pipelines.operations.service import TableQuota, WorkerView, table_quotas, workers
from schemas.act import Act, Phase
from schemas.errors import NotFoundError
from schemas.key import Role

router = APIRouter(tags=["service"])


class MeModel(Model):
    """The key that asks: what it may do, and for which feeds."""

    key_id: str
    name: Text
    role: Role
    globs: tuple[Text, ...]
    feeds: tuple[str, ...]
    expires_at: datetime | None


class WorkerModel(Model):
    """A worker, and whether it has given a sign of life lately."""

    name: str
    started_at: datetime
    seen_at: datetime
    is_alive: bool

    @classmethod
    def of(cls, view: WorkerView) -> Self:
        """A worker as it is now."""
        worker = view.worker
        return cls(
            name=worker.name,
            started_at=worker.started_at,
            seen_at=worker.seen_at,
            is_alive=view.is_alive,
        )


class WorkersModel(Model):
    """The workers."""

    items: tuple[WorkerModel, ...]


class QuotaModel(Model):
    """What loads of a feed's table have used on this quota day, and of how much."""

    feed: str
    table: str
    day: str = Field(examples=["2026-11-03"])
    load_jobs: int
    load_jobs_of: int
    partition_changes: int
    partition_changes_of: int
    waits_until: datetime | None
    waits_why: Text | None

    @classmethod
    def of(cls, quota: TableQuota) -> Self:
        """A table's quota."""
        facts = {
            name: getattr(quota, name)
            for name in cls.model_fields
            if name not in ("waits_until", "waits_why")
        }
        waits = quota.waits
        return cls(
            **facts,
            waits_until=None if waits is None else waits.until,
            waits_why=None if waits is None else waits.reason,
        )


class QuotasModel(Model):
    """The quotas, by feed."""

    items: tuple[QuotaModel, ...]


class ActModel(Model):
    """Who did what, sealed by the hash of the act before."""

    number: int
    at: datetime | None
    who: Text
    via: str
    origin: Text | None
    request_id: Text | None
    action: str
    phase: Phase
    about: int | None
    subject_kind: str
    subject: Text
    feed: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    previous: str
    hash: str

    @classmethod
    def of(cls, act: Act) -> Self:
        """An act as it was written."""
        actor = act.actor
        rest = ("who", "via", "origin", "request_id")
        facts = {name: getattr(act, name) for name in cls.model_fields if name not in rest}
        return cls(**facts, **{name: getattr(actor, name) for name in rest})


class ActsModel(Model):
    """A page of acts, the newest first."""

    items: tuple[ActModel, ...]
    next: str | None


@router.get("/me", responses=responses())
def get_me(caller: Viewer) -> MeModel:
    """Who asks."""
    key = caller.key
    return MeModel(
        key_id=key.key_id,
        name=key.name,
        role=key.role,
        globs=key.feeds,
        feeds=tuple(caller.feeds),
        expires_at=key.expires_at,
    )


@router.get("/workers", responses=responses())
def get_workers(caller: Viewer) -> WorkersModel:
    """The workers that have not ended in good order."""
    return WorkersModel(items=tuple(map(WorkerModel.of, workers(caller.runtime))))


@router.get("/quota", responses=responses())
def get_quota(caller: Viewer) -> QuotasModel:
    """What was used of each table's daily quotas."""
    found = table_quotas(caller.runtime, caller.feeds)
    return QuotasModel(items=tuple(map(QuotaModel.of, found)))


@router.get("/operations", responses=responses(422))
def get_operations(caller: Viewer, limit: Limit = 50) -> OperationsModel:
    """The latest long work."""
    found = list_operations(caller.runtime, caller.only_feeds, limit)
    return OperationsModel(items=tuple(OperationModel.of(each, caller) for each in found))


@router.get("/operations/{operation_id}", responses=responses(404, 422))
def get_operation(
    caller: Viewer, operation_id: Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
) -> OperationModel:
    """How far some long work is."""
    try:
        operation = operation_of(caller.runtime, operation_id)
    except NotFoundError:
        raise NOT_FOUND from None
    if not caller.may_follow(operation):
        raise NOT_FOUND
    return OperationModel.of(operation, caller)


@router.get("/acts", responses=responses(422))
def get_acts(
    caller: Admin,
    request: Request,
    response: Response,
    on: Annotated[str | None, Query(max_length=300, description="Only on this subject.")] = None,
    limit: Limit = 100,
    cursor: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> ActsModel:
    """Who changed what, by API, command line or console."""
    found = list_acts(
        caller.runtime, feeds=caller.only_feeds, subject=on, before=cursor, limit=limit
    )
    further = str(found[-1].number) if len(found) == limit else None
    items = tuple(map(ActModel.of, found))
    return ActsModel(items=items, next=link_next(request, response, further))
