"""Conditions: everything that is wrong now, evaluated anew each time from what the ledger knows.

Each kind is a function from facts to conditions; nothing here remembers or sends anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from connectors.protocols import FeedState
from pipelines.failure import stopped_feed
from pipelines.monitor.beat import missed_beat
from pipelines.monitor.broken_files import broken
from pipelines.monitor.freshness import Freshness, freshness
from pipelines.quota import standings, used
from pipelines.runtime import Runtime
from schemas.after_load import AfterLoadState
from schemas.alert import AlertKind, Trouble, Worker
from schemas.drift import Drift, DriftStatus
from schemas.file import File, Outcome, Status
from schemas.language import translate
from schemas.limits import Quotas
from schemas.quota import Pause, Spent
from schemas.service import Service
from schemas.unmatched import Unmatched
from schemas.webhook import PostState, WebhookScope

_MAX_FILES = 10_000
_FILES: Mapping[AlertKind, str] = {
    AlertKind.QUARANTINED: Outcome.QUARANTINED,
    AlertKind.FAILED: Status.FAILED,
    AlertKind.HELD: Status.HELD,
}
"""The kinds whose subjects are files, and the word that `Ledger.files` finds them by."""
_JUDGED = frozenset({Status.LOADED, Status.ACKNOWLEDGING, Status.DONE})
_TODO: Mapping[AlertKind, str] = {
    AlertKind.QUARANTINED: "waybill show {id} says why; once fixed: waybill retry {id}",
    AlertKind.FAILED: "waybill show {id} says why; once fixed: waybill retry {id}",
    AlertKind.HELD: "waybill held; if the sender is to be trusted: waybill release {id}",
}
_LATE = (
    "feed {feed} is late: a file was expected {expected}, the newest one loaded was sent {newest}"
    " ({promise})"
)
_NEVER = "feed {feed} is late: a file was expected {expected}, none was ever loaded ({promise})"
_ASK = "ask its sender, or see what waits: waybill files --feed {feed}"
_UNMATCHED = "source {source}, {name}: {why}"
_UNMATCHED_MORE = "source {source}, {name} and {more:,} more: {why}"
_UNMATCHED_FROM = "source {source}, {name} from {sender}: {why}"
_UNMATCHED_MORE_FROM = "source {source}, {name} and {more:,} more from {sender}: {why}"
_UNMATCHED_TEMPLATES = {
    (False, False): _UNMATCHED,
    (False, True): _UNMATCHED_MORE,
    (True, False): _UNMATCHED_FROM,
    (True, True): _UNMATCHED_MORE_FROM,
}
"""By whether a sender is known, and whether there are several."""
_DISMISS = "waybill unmatched lists it; to put it away: waybill unmatched --dismiss {id}"
_AWAY = "{name} has not done its part since {since}, the last time it did was {good}: {error}"
_NEVER_DID = "{name} has not done its part since {since}, it never did: {error}"
_DOCTOR = "waybill doctor tries every part"
_UNPOSTED = "the webhook of {scope} {subject} takes no receipts: {why}"
_TEST_WEBHOOK = "waybill webhooks test {id} tries it; waybill webhooks set gives it an address"
_AFTER_LOAD = "feed {feed}: the command after batch {batch} did not end well: {why}"
_AFTER_LOAD_AGAIN = "waybill show FILE says what it printed; once fixed: waybill resume {feed}"
_DRIFT = "feed {feed}: {finding}"
_SHOW_DRIFT = "waybill drift show {id}"
_WAITS = "{table}: loads wait until {until}: {reason}"
_USED = "{table}: {used}"
_FEWER = "send fewer, larger files; `quotas` in config.yaml says what is ours"
_APPLY = "waybill apply; loading goes on by itself then"
_DEAD = "worker {name} gave its last sign of life {seen}"
_RESTART = "start it again; its unfinished work goes to the other workers by itself"
_FILE = "feed {feed}, {name}: {reason}"
_FILE_FROM = "feed {feed}, {name} from {sender}: {reason}"
_NO_ROW = "no row of it could be loaded"


def troubles(runtime: Runtime) -> list[Trouble]:
    """Everything that is the matter now. Raises RetryableError when the ledger is away."""
    ledger, rules, now = runtime.ledger, runtime.alert_rules, runtime.now()
    ledger.feeds.watch(runtime.feeds)
    states = [ledger.feeds.state(name) for name in sorted(runtime.feeds)]
    found = [*stopped(states), *late(freshness(runtime))]
    for kind in _FILES:
        found += _files(runtime, kind, now - timedelta(days=rules.file_days))
    found += unmatched(ledger.unmatched.latest(), now - timedelta(days=rules.file_days))
    found += away(ledger.services.all(), now, timedelta(minutes=rules.away_minutes))
    found += unposted(runtime, now - timedelta(days=rules.file_days))
    found += not_followed(runtime, now - timedelta(days=rules.file_days))
    found += drifted(ledger.drifts.latest(status=DriftStatus.OPEN))
    for each in standings(runtime):
        found += quota(each.table, runtime.quotas, each.spent, each.pause, rules.quota_share)
    found += missed_beat(runtime)
    found += broken(runtime.broken())
    found += dead(ledger.workers.all(), now, timedelta(seconds=rules.worker_seconds))
    return found


def stopped(states: Iterable[FeedState]) -> Iterator[Trouble]:
    """Feeds that wait for a person."""
    for state in states:
        if state.stopped_at is not None:
            yield stopped_feed(state.feed, state.reason or "nobody said why")


def late(found: Iterable[Freshness]) -> Iterator[Trouble]:
    """Feeds whose table is older than their contract promises."""
    for each in found:
        if each.late and each.expected_at is not None:
            yield Trouble(
                kind=AlertKind.LATE,
                subject=each.feed,
                feed=each.feed,
                says=translate(
                    _LATE if each.last_sent else _NEVER,
                    feed=each.feed,
                    expected=_utc(each.expected_at),
                    newest=_utc(each.last_sent) if each.last_sent else "",
                    promise=each.promise,
                ),
                todo=translate(_ASK, feed=each.feed),
            )


def unmatched(found: Iterable[Unmatched], since: datetime) -> Iterator[Trouble]:
    """What is likely a report, and no feed takes it."""
    for each in found:
        if each.is_likely and each.last_seen >= since:
            template = _UNMATCHED_TEMPLATES[bool(each.sender), each.count > 1]
            name = each.items[-1].name if each.items else each.shape
            yield Trouble(
                kind=AlertKind.UNMATCHED,
                subject=each.group_id,
                feed=each.feed,
                says=translate(
                    template,
                    source=each.source,
                    name=name,
                    more=each.count - 1,
                    sender=each.sender or "",
                    why=translate(str(each.why)),
                ),
                todo=translate(_DISMISS, id=each.group_id),
            )


def away(found: Iterable[Service], now: datetime, patience: timedelta) -> Iterator[Trouble]:
    """Sources and ways out that have not done their part for long."""
    for each in found:
        if each.failing_since is not None and now - each.failing_since > patience:
            yield Trouble(
                kind=AlertKind.AWAY,
                subject=each.name,
                says=translate(
                    _AWAY if each.good_at else _NEVER_DID,
                    name=each.name,
                    since=_utc(each.failing_since),
                    good=_utc(each.good_at) if each.good_at else "",
                    error=each.error,
                ),
                todo=translate(_DOCTOR),
            )


def unposted(runtime: Runtime, since: datetime) -> Iterator[Trouble]:
    """Webhooks whose server wants nothing more, or did not take a receipt for days."""
    for each in runtime.ledger.webhooks.all():
        last = runtime.ledger.posts.last_closed(each.webhook_id, since)
        why = each.disabled_why
        if why is None and last is not None and last.state is PostState.GIVEN_UP:
            why = last.note or ""
        if why is not None:
            yield Trouble(
                kind=AlertKind.WEBHOOK,
                subject=each.webhook_id,
                feed=each.subject if each.scope is WebhookScope.FEED else None,
                says=translate(_UNPOSTED, scope=each.scope, subject=each.subject, why=why),
                todo=translate(_TEST_WEBHOOK, id=each.webhook_id),
            )


def not_followed(runtime: Runtime, since: datetime) -> Iterator[Trouble]:
    """Feeds whose command after a load was given up, and has not ended well since."""
    for name in sorted(runtime.feeds):
        last = runtime.ledger.after_loads.last_closed(name, since)
        if last is None or last.state is not AfterLoadState.GIVEN_UP:
            continue
        yield Trouble(
            kind=AlertKind.AFTER_LOAD,
            subject=name,
            feed=name,
            says=translate(_AFTER_LOAD, feed=name, batch=last.batch_id, why=_first_line(last.note)),
            todo=translate(_AFTER_LOAD_AGAIN, feed=name),
        )


def drifted(found: Iterable[Drift]) -> Iterator[Trouble]:
    """Drifts that nobody has decided about."""
    for each in found:
        yield Trouble(
            kind=AlertKind.DRIFT,
            subject=each.drift_id,
            feed=each.feed,
            says=translate(_DRIFT, feed=each.feed, finding=each.finding.render()),
            todo=translate(_SHOW_DRIFT, id=each.drift_id),
        )


def quota(
    table: str, quotas: Quotas, spent: Spent, pause: Pause | None, near: float
) -> Iterator[Trouble]:
    """A table whose loads come near the end of a day's quota, or that the warehouse throttles; one
    that has to follow its contract first."""
    share, sentence = used(quotas, spent)
    says = translate(_USED, table=table, used=sentence)
    if pause is not None:
        says = translate(_WAITS, table=table, until=_utc(pause.until), reason=pause.reason)
    if pause is not None or share >= near:
        is_behind = pause is not None and pause.is_behind
        yield Trouble(
            kind=AlertKind.BEHIND if is_behind else AlertKind.QUOTA,
            subject=table,
            says=says,
            todo=translate(_APPLY if is_behind else _FEWER),
        )


def dead(workers: Sequence[Worker], now: datetime, patience: timedelta) -> Iterator[Trouble]:
    """Workers that went silent and that nobody has replaced."""
    gone = set(replaced(workers, now, patience))
    for each in workers:
        if now - each.seen_at > patience and each.name not in gone:
            yield Trouble(
                kind=AlertKind.WORKER,
                subject=each.name,
                says=translate(_DEAD, name=each.name, seen=_utc(each.seen_at)),
                todo=translate(_RESTART),
            )


def replaced(workers: Sequence[Worker], now: datetime, patience: timedelta) -> list[str]:
    """Dead workers in whose place others have started since: one each, in order of death."""
    alive = [each for each in workers if now - each.seen_at <= patience]
    starts = sorted(each.started_at for each in alive)
    found = []
    for each in sorted(workers, key=lambda worker: worker.seen_at):
        later = next((start for start in starts if start > each.seen_at), None)
        if now - each.seen_at > patience and later is not None:
            starts.remove(later)
            found.append(each.name)
    return found


def _files(runtime: Runtime, kind: AlertKind, since: datetime) -> Iterator[Trouble]:
    found = runtime.ledger.files.latest(status=_FILES[kind], since=since, limit=_MAX_FILES)
    if kind is AlertKind.QUARANTINED:
        found = [file for file in found if file.status in _JUDGED]
    corrected = _corrected(runtime, found)
    for file in found:
        if file.file_id not in corrected:
            yield of_file(kind, file)


def _corrected(runtime: Runtime, found: Sequence[File]) -> set[str]:
    """Those of the files in whose place a later version has been loaded."""
    corrected = set()
    for feed in {file.feed for file in found}:
        ours = [file for file in found if file.feed == feed]
        newest: dict[str, File] = {}
        for file in runtime.ledger.files.versions(feed, {file.item.key for file in ours}):
            if file.in_force:
                newest[file.item.key] = max(file, newest.get(file.item.key, file), key=File.order)
        corrected |= {
            file.file_id
            for file in ours
            if file.item.key in newest and newest[file.item.key].order() > file.order()
        }
    return corrected


def of_file(kind: AlertKind, file: File) -> Trouble:
    """The trouble of one file."""
    return Trouble(
        kind=kind,
        subject=file.file_id,
        feed=file.feed,
        says=translate(
            _FILE_FROM if file.item.sender else _FILE,
            feed=file.feed,
            name=file.item.name,
            sender=file.item.sender or "",
            reason=file.reason or translate(_NO_ROW),
        ),
        todo=translate(_TODO[kind], id=file.file_id[:8]),
    )


def _first_line(note: str | None) -> str:
    """What we say of a command; what it printed is in the timelines, where values may be hidden."""
    return (note or "").partition("\n")[0]


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
