"""Commands about the set-up: config and doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entrypoints.cli.options import json_option, open_runtime
from schemas.errors import RetryableError

if TYPE_CHECKING:
    from entrypoints.config.settings import Broker, Settings
    from entrypoints.config.web import Web
    from pipelines.runtime import Runtime
    from schemas.errors import WaybillError


@click.command()
@json_option
@click.pass_obj
def config(path: Path, as_json: bool) -> None:
    """The effective configuration: file, environment and defaults, secrets masked."""
    from entrypoints.config.settings import masked, read_settings

    values = masked(read_settings(path))
    if as_json:
        from entrypoints.cli.screen import print_json

        print_json(values)
        return
    import sys

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(values, sys.stdout)


@click.command()
@click.option("--dry-run", is_flag=True, help="Try every statement on BigQuery; runs none.")
@click.option("--ready", is_flag=True, help="Only ask what /readyz of `waybill web` asks.")
@json_option
@click.pass_obj
def doctor(path: Path, dry_run: bool, ready: bool, as_json: bool) -> None:
    """Connect to every part; say what works, what does not and what to do.

    With --dry-run every statement that the feeds can send is tried on the warehouse without being
    run or billed: what its analyzer, its permissions or its places refuse is said, with the role
    that is missing. Exit status 4 when a part does not work.
    """
    from rich.markup import escape

    from entrypoints.cli.screen import console, plain_table, print_json
    from entrypoints.config.settings import read_settings

    if ready:
        from pipelines.operations.readiness import why_not_ready

        if (why_not := why_not_ready(open_runtime(path, lazy_warehouse=True))) is not None:
            raise RetryableError(f"not ready: {why_not}", hint="`waybill doctor` tries every part")
        return
    found = [_examined(name, check) for name, check in _checks(read_settings(path))]
    if dry_run:
        found += _rehearsed(path)
    if as_json:
        print_json(found)
    else:
        table = plain_table("", "PART")
        table.add_column("", overflow="fold", ratio=1)
        for each in found:
            text = escape(str(each["says"]))
            if each["hint"]:
                text += f"\n[yellow]{escape(str(each['hint']))}[/]"
            table.add_row("[green]ok[/]" if each["ok"] else "[red]no[/]", str(each["part"]), text)
        console().print(table)
    if not all(each["ok"] for each in found):
        raise click.exceptions.Exit(4)


def _rehearsed(path: Path) -> list[dict[str, object]]:
    """A line for each feed whose statements are all taken, and for each statement that is not."""
    from collections import Counter

    from entrypoints.cli.screen import progress
    from pipelines.operations.rehearse import rehearse

    runtime = open_runtime(path)
    found: list[dict[str, object]] = []
    counts: Counter[str] = Counter()
    with progress() as bar:
        task = bar.add_task("trying statements", total=None)
        for each in rehearse(runtime):
            counts[each.feed] += 1
            bar.update(task, completed=counts.total(), description=f"trying {each.feed}"[:40])
            tried = each.statement
            if tried.error is not None:
                says = f"{tried.what}: {tried.error}"
                part = f"statements {each.feed}"
                found.append({"part": part, "ok": False, "says": says, "hint": tried.todo})
    refused = {line["part"] for line in found}
    for feed, count in counts.items():
        if (part := f"statements {feed}") not in refused:
            says = f"{count} statements are taken as they are"
            found.append({"part": part, "ok": True, "says": says, "hint": None})
    return found


def _examined(name: str, check: Callable[[], str]) -> dict[str, object]:
    from schemas.errors import WaybillError

    try:
        return {"part": name, "ok": True, "says": check(), "hint": None}
    except WaybillError as error:
        return {"part": name, "ok": False, "says": error.message, "hint": error.hint}


def _checks(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """Every part and how to try it. Feeds and contracts come first; the rest is tried without those
    that are wrong."""
    from entrypoints.config.assembly import build_runtime
    from schemas.errors import ConfigError, ContractError

    try:
        runtime = build_runtime(settings)
    except (ConfigError, ContractError) as error:
        wrong = error
        yield "files", lambda: _said(wrong)
        runtime = build_runtime(settings, is_lenient=True)
    feeds = runtime.feeds.values()
    yield "contracts", lambda: f"{len(runtime.contracts)} contracts, {len(runtime.views)} views"
    yield "feeds", lambda: ", ".join(f"{feed.name} ({feed.schedule})" for feed in feeds)
    yield "broker", lambda: _check_broker(settings.broker)
    yield "ledger", runtime.ledger.check
    yield "beat", lambda: _check_beat(runtime)
    yield "storage", runtime.storage.check
    yield "permissions", lambda: _check_modes(settings)
    for name in runtime.sources:
        yield f"source {name}", lambda name=name: runtime.sources[name].check()  # type: ignore[misc]
    yield "warehouse", runtime.warehouse.check
    yield "restores", lambda: _check_restores(runtime)
    yield "web", lambda: _check_web(settings.web, runtime)
    if runtime.notifier is not None:
        yield "mail", runtime.notifier.check
    else:
        yield "mail", lambda: "not configured: partners get no reply"
    for name, destination in runtime.destinations.items():
        yield f"alerts {name}", destination.check
    if not runtime.destinations:
        yield "alerts", lambda: "sent nowhere; `waybill alerts` lists them"


def _said(error: WaybillError) -> str:
    raise error


def _check_web(web: Web, runtime: Runtime) -> str:
    """Whether the web process answers here, how many keys let somebody in, and whether receipts
    have links. It may as well run on another machine, or not at all."""
    import urllib.error
    import urllib.request

    keys = sum(key.is_valid(runtime.now()) for key in runtime.ledger.keys.all())
    host = "127.0.0.1" if web.host in ("0.0.0.0", "::") else web.host  # noqa: S104 -- compared
    name = f"[{host}]" if ":" in host else host
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{name}:{web.port}/livez", timeout=2) as answer:
            is_up = answer.status == 200
    except (OSError, urllib.error.URLError):
        is_up = False
    said = "answers" if is_up else "does not run here (`waybill web` starts it)"
    unlinked = web.url is not None and runtime.links is None
    links = "; receipts have no links: web.link_keys is not set" if unlinked else ""
    return f"{name}:{web.port} {said}; {keys} valid keys{links}"


def _check_beat(runtime: Runtime) -> str:
    """When beat was last seen; raises RetryableError if that is over a few minutes."""
    from pipelines.monitor.beat import view_beat
    from schemas.errors import RetryableError

    view = view_beat(runtime)
    if view.seen_at is None:
        return "was never seen; `waybill up` brings it, `waybill run` needs none"
    said = f"last seen {view.seen_at:%Y-%m-%d %H:%M} UTC"
    if not view.is_missed:
        return said
    due = ""
    if view.oldest is not None:
        since = f"{view.oldest:%Y-%m-%d %H:%M} UTC"
        due = f"; files that are due: {view.files:,}, the oldest since {since}"
    raise RetryableError(
        f"{said}: no feed looks for files on schedule, and nothing that was interrupted goes"
        f" on{due}", hint="start `waybill up`, or `waybill beat` beside workers",
    )  # fmt: skip


def _check_restores(runtime: Runtime) -> str:
    """Compare what ledger and warehouse know of each table's last load; raises a FatalError that
    names all feeds for which they differ, or that are still stopped for it."""
    from pipelines.operations.reconcile import unreconciled
    from schemas.errors import FatalError

    if found := unreconciled(runtime):
        todo = "; ".join(each.todo for each in found)
        raise FatalError("\n".join(each.says for each in found), hint=f"{todo}; see docs/backup.md")
    return "ledger and warehouse know of the same last loads"


def _check_modes(settings: Settings) -> str:
    """Make sure that nobody else on this machine can look into what is ours alone; raises
    ConfigError."""
    from connectors.ledger.config import LedgerConfig
    from connectors.objects.store import StorageConfig
    from connectors.private_files import open_to_others
    from schemas.errors import ConfigError

    ours = [Path(settings.folders.work)]
    ledger, storage = settings.ledger.config, settings.storage.config
    if isinstance(ledger, LedgerConfig) and (file := ledger.file) is not None:
        ours += [file.with_name(f"{file.name}{end}") for end in ("", "-wal", "-shm")]
    if isinstance(storage, StorageConfig) and storage.folder is not None:
        ours.append(storage.folder)
    if wide := list(open_to_others(ours)):
        named = " ".join(map(str, wide))
        raise ConfigError(
            f"others on this machine can look into {named}", hint=f"chmod -R go-rwx {named}"
        )
    return "nobody else can look into the work folder, nor into a ledger or storage on this machine"


def _letters(client: Any) -> int:
    """How many messages were put aside; none that this user may not see."""
    import redis

    from entrypoints.worker.dead_letters import KEY

    try:
        return int(client.llen(KEY))
    except redis.ResponseError:
        return 0


def _check_broker(broker: Broker) -> str:
    """Ask the broker for its version; raises RetryableError or AccessDeniedError."""
    import redis

    from entrypoints.worker.dead_letters import KEY
    from entrypoints.worker.producer import QUEUES
    from schemas.errors import AccessDeniedError, RetryableError

    try:
        with redis.Redis.from_url(
            broker.url.get_secret_value(),
            socket_timeout=5,
            socket_connect_timeout=5,
            **(broker.tls or {}),
        ) as client:
            info = client.info("server")
            for queue in QUEUES:
                client.llen(queue)
            letters = _letters(client)
    except redis.AuthenticationError as error:
        raise AccessDeniedError(
            f"the broker refused us: {error}", hint="check the password in broker.url"
        ) from error
    except redis.exceptions.NoPermissionError as error:
        # A worker waits for all queues at once: it would hear of nothing, and say nothing.
        raise AccessDeniedError(
            f"the broker does not let this user at its queues: {error}",
            hint="give it the keys that docs/security.md names",
        ) from error
    except (redis.RedisError, OSError) as error:
        raise RetryableError(
            f"the broker does not answer: {error}", hint="start Redis, or correct broker.url"
        ) from error
    said = f"{info.get('server_name', 'redis')} {info['redis_version']}"
    if letters:
        said += f"; {letters:,} messages that are no tasks of ours were put aside in {KEY}"
    return said
