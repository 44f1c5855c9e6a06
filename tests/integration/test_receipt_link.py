"""The receipt link: minted for the sender, good for one receipt, and for nothing else."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import update

from connectors.ledger.tables import files
from folders import ROOT
from pipelines.acknowledge.links import links_of
from pipelines.operations.acts import list_acts
from pipelines.operations.receipt_link import (
    ExpiredLinkError,
    UnknownLinkError,
    fixing,
    may_fix,
    open_link,
    renew_link,
    revoke_link,
)
from pipelines.operations.trusted_senders import distrust_sender, trust_sender
from pipelines.runtime import Runtime
from pipelines.steps import STEPS
from schemas.batch import Committed
from schemas.errors import ConfigError, ConflictError
from schemas.file import File
from schemas.receipt_link import LinkKeys
from web_server import Answer, Asking
from web_world import BAD, GOOD, IBAN, LONG, PARTLY, TABLE, WebWorld, web_world

KEYS = {"b": {"secret": "b" * 40}, "a": {"secret": "a" * 40}}
URL = "https://waybill.example.com"
V1 = "/api/v1"


@contextmanager
def linked(tmp_path: Path, redis_url: str, **web: Any) -> Iterator[WebWorld]:
    names = ("requests_a_minute", "failures_a_minute", "link_requests_a_minute")
    settings = {"url": URL, "link_keys": secrets_in(tmp_path), **dict.fromkeys(names, 10**5), **web}
    with web_world(tmp_path, redis_url, web=settings) as world:
        yield world


def secrets_in(folder: Path) -> dict[str, dict[str, str]]:
    found = {}
    for name, key in KEYS.items():
        (folder / f"link_{name}").write_text(key["secret"] + "\n")
        found[name] = {"secret_file": str(folder / f"link_{name}")}
    return found


def told(world: WebWorld, *files: File) -> list[str]:
    """What stands after `/r/` of the link that each file's receipt has, once all are loaded and
    acknowledged."""
    runtime = world.service.runtime
    ledger = runtime.ledger
    batch = ledger.batches.open("sales", TABLE, 1000, 1 << 40)
    if batch is not None:
        ledger.batches.commit(batch, Committed(rows=1), [])
    step = "acknowledge" if len(files) == 1 else "acknowledge_many"
    STEPS[step](runtime, files[0].file_id if len(files) == 1 else "sales")
    return [token_in(receipt_beside(world, file)) for file in files]


def receipt_beside(world: WebWorld, file: File) -> Any:
    path = world.service.folder / "drop" / f"{file.item.key}.receipt.json"
    return json.loads(path.read_text())


def token_in(receipt: Any) -> str:
    assert receipt["link"].startswith(f"{URL}/r/"), receipt["link"]
    return str(receipt["link"]).removeprefix(f"{URL}/r/")


def opened(world: WebWorld, token: str, form: str = "", **headers: str) -> Answer:
    return Asking(world.url).get(f"/r/{token}{form}", **headers)


def test_a_link_shows_its_sender_one_receipt_and_its_rows(
    tmp_path: Path, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with linked(tmp_path, redis_url) as world:
        mine, other = world.put("mine<b>.csv", PARTLY), world.put("other.csv", BAD)
        token, others = told(world, mine, other)
        beside = (world.service.folder / "drop" / f"{mine.item.key}.receipt.txt").read_text()
        assert f"{URL}/r/{token}" in beside
        page, as_json = opened(world, token), opened(world, token, ".json")
        by_header = opened(world, token, Accept="application/json")
        rows = opened(world, token, "/rejected.csv")

        assert [each.status for each in (page, as_json, by_header, rows)] == [200] * 4
        text = page.body.decode()
        assert LONG in text
        assert "•••" not in text
        assert "mine&lt;b&gt;.csv" in text
        assert "other.csv" not in text
        assert other.file_id not in text
        assert f'href="{token}/rejected.csv"' in text
        assert f'href="{token}/template"' in text
        assert f"{URL}/r/{token}/template" in beside
        template = opened(world, token, "/template")
        assert template.body.splitlines()[0] == b"id,day,amount,iban"
        assert 'filename="sales.template.csv"' in template.headers["content-disposition"]
        assert opened(world, "nothing", "/template").status == 404
        schema = json.loads((ROOT / "docs" / "receipt.schema.json").read_text())
        Draft202012Validator(schema).validate(as_json.json)
        assert as_json.json == by_header.json
        assert as_json.json["link"] == f"{URL}/r/{token}"
        assert as_json.json["file_id"] == mine.file_id
        assert LONG in rows.body.decode()
        assert mine.file_id in rows.body.decode()
        assert rows.headers["content-disposition"].startswith("attachment; ")
        assert (
            "filename*=UTF-8''mine%3Cb%3E.csv.rejected.csv" in rows.headers["content-disposition"]
        )
        for each in (page, as_json, rows, opened(world, "nothing")):
            assert each.headers["referrer-policy"] == "no-referrer"
            assert each.headers["cache-control"] == "no-store"
            assert each.headers["x-robots-tag"].startswith("noindex")
            assert each.headers["x-content-type-options"] == "nosniff"
            assert each.headers["content-security-policy"].startswith("default-src 'none'")
            assert "set-cookie" not in each.headers
        nonce = re.search(r"style-src 'nonce-([^']+)'", page.headers["content-security-policy"])
        assert nonce
        assert f'<style nonce="{nonce[1]}">' in text
        assert not re.search(r"<script|style=|https?://(?!waybill)", text)
        assert {opened(world, others, ".json").json["file_id"]} == {other.file_id}
        assert opened(world, others, "/rejected.csv").status == 200
        # Nothing was changed by looking, and nobody is let in elsewhere.
        assert list_acts(world.service.runtime) == []
        assert Asking(world.url, token).get(f"{V1}/files").status == 401
        mac = token.rpartition(".")[2]
        # uvicorn's own log is not kept: `waybill web` switches it off.
        ours = [each.getMessage() for each in caplog.records if "uvicorn" not in each.name]
        assert mac[:10] not in str(ours)
        assert f"/r/{mine.file_id}…" in str(ours)
        assert mac not in repr(world.service.runtime.links)
        assert "bbbb" not in repr(world.service.runtime.links)


def test_the_page_says_what_came_corrected(tmp_path: Path, redis_url: str) -> None:
    with linked(tmp_path, redis_url) as world:
        file = world.put("mine.csv", PARTLY)
        [token] = told(world, file)
        rejected = world.service.ledger.files.get(file.file_id).counts.rejected
        assert "Rows corrected" not in opened(world, token).body.decode()
        for corrected in (1, rejected):
            with world.service.ledger.database.write() as connection:
                mine = update(files).where(files.c.file_id == file.file_id)
                connection.execute(mine.values(rows_corrected=corrected))
            page = opened(world, token).body.decode()
            assert f'Rows corrected</th><td class="n">{corrected}</td>' in page
            assert (f'href="{token}/rejected.csv"' in page) == (corrected < rejected)


def test_all_that_is_no_link_is_answered_alike(tmp_path: Path, redis_url: str) -> None:
    with linked(tmp_path, redis_url) as world:
        mine, other = world.put("mine.csv", PARTLY), world.put("other.csv", GOOD)
        token, others = told(world, mine, other)
        file_id, expiry, key_id, mac = token.split(".")
        wrong = [
            f"{other.file_id}.{expiry}.{key_id}.{mac}",
            f"{file_id}.{int(expiry) + 1}.{key_id}.{mac}",
            f"{file_id}.0{expiry}.{key_id}.{mac}",
            f"{file_id}.{expiry}.{'ab'.replace(key_id, '')}.{mac}",
            f"{file_id}.{expiry}.nokey.{mac}",
            f"{file_id}.{expiry}.{key_id}.{others.rpartition('.')[2]}",
            f"{'0' * 16}.{expiry}.{key_id}.{mac}",
            f"{file_id}.1.{key_id}.{mac}",
            f"{token}=", token.upper(), token[:-1], f"{token}/", f"{token}/../x", "%00", "",
            "x" * 9000,
        ]  # fmt: skip
        revoke_link(world.service.runtime, other)
        answers = {plain(opened(world, each)) for each in [*wrong, others]}
        assert len(answers) == 1
        assert {status for status, _ in answers} == {404}
        as_json = [opened(world, each, ".json") for each in [*wrong[:9], others]]
        assert {each.status for each in as_json} == {404}
        assert {each.json["detail"] for each in as_json} == {"There is no receipt at this address."}
        assert {opened(world, each, "/rejected.csv").status for each in [*wrong[:9], others]} == {
            404
        }
        assert opened(world, token).status == 200
        for method in ("POST", "PUT", "DELETE"):
            assert Asking(world.url)(method, f"/r/{token}").status == 405


def plain(answer: Answer) -> tuple[int, bytes]:
    return answer.status, re.sub(rb'nonce="[^"]+"', b"", answer.body)


def test_a_link_ends_when_it_expires_is_revoked_or_its_key_goes(
    tmp_path: Path, redis_url: str
) -> None:
    with linked(tmp_path, redis_url) as world:
        runtime = world.service.runtime
        mine = world.put("mine.csv", PARTLY)
        [token] = told(world, mine)
        assert runtime.links is not None
        assert open_link(runtime, token).until > datetime.now(UTC) + timedelta(days=29)

        after = replace(runtime, now=lambda: datetime.now(UTC) + timedelta(days=31))
        with pytest.raises(ExpiredLinkError):
            open_link(after, token)
        with pytest.raises(UnknownLinkError):
            open_link(after, token[:-1] + ("A" if token[-1] != "A" else "B"))

        # The key that signed it stays good behind a new one, and is gone with it.
        turned = {"c": b"c" * 40, **runtime.links.keys}
        rotated = replace(runtime, links=replace(runtime.links, keys=turned))
        assert open_link(rotated, token).file.file_id == mine.file_id
        file = runtime.ledger.files.get(mine.file_id)
        [again] = links_of(rotated, [file]).values()
        assert ".c." in again.url
        assert open_link(rotated, again.url.rpartition("/")[2])
        gone = replace(runtime, links=replace(runtime.links, keys={"c": b"c" * 40}))
        with pytest.raises(UnknownLinkError):
            open_link(gone, token)

        steward, operator = world.asking("steward"), world.asking("operator")
        path = f"{V1}/files/{mine.file_id}/link"
        assert operator.post(f"{path}/revoke").json == {"file_id": mine.file_id, "changed": True}
        assert operator.post(f"{path}/revoke").json["changed"] is False
        assert opened(world, token).status == 404
        assert links_of(runtime, [file]) == {}, "what was revoked is not made anew by itself"
        new = steward.post(path).json["url"].removeprefix(f"{URL}/r/")
        assert opened(world, new).status == 200
        assert opened(world, token).status == 404
        actions = [each.action for each in list_acts(runtime, subject=mine.file_id)]
        assert actions == ["renew_link", "revoke_link"]
        assert new.rpartition(".")[2] not in str(list_acts(runtime, subject=mine.file_id))


def test_repeats_give_the_same_link_until_half_its_time_is_over(
    tmp_path: Path, redis_url: str
) -> None:
    with linked(tmp_path, redis_url) as world:
        runtime = world.service.runtime
        mine = world.put("mine.csv", PARTLY)
        [token] = told(world, mine)
        file = runtime.ledger.files.get(mine.file_id)

        def after(days: int) -> str:
            late = replace(runtime, now=lambda: datetime.now(UTC) + timedelta(days=days))
            return links_of(late, [file])[mine.file_id].url.rpartition("/")[2]

        assert after(14) == token
        assert after(16) != token
        assert open_link(runtime, token)
        assert open_link(runtime, after(17))


def test_addresses_that_ask_too_often_wait(tmp_path: Path, redis_url: str) -> None:
    with linked(tmp_path, redis_url, link_requests_a_minute=3) as world:
        for _ in range(3):
            assert opened(world, "nothing").status in (404, 429)
        late = opened(world, "nothing", ".json")
        assert late.status == 429
        assert 0 < int(late.headers["retry-after"]) <= 60


def test_the_holder_may_fix_what_the_sender_may(tmp_path: Path, redis_url: str) -> None:
    with linked(tmp_path, redis_url) as world:
        runtime = world.service.runtime
        partly, whole = world.put("partly.csv", PARTLY), world.put("whole.csv", GOOD)
        token, others = told(world, partly, whole)
        link = open_link(runtime, token, origin="192.0.2.1", request_id="r")
        assert may_fix(runtime, link)
        actor = fixing(runtime, link).actor
        assert (actor.via, actor.origin) == ("link", "192.0.2.1")
        assert partly.file_id in actor.who
        with pytest.raises(ConflictError):
            fixing(runtime, open_link(runtime, others))
        trusting = with_senders(runtime, "acorn.example")
        assert not may_fix(trusting, link)
        file = mailed(link.file, "bo@birch.example", author="Ana@Birch.example")
        trust_sender(trusting, "sales", "ana@birch.example")
        assert may_fix(trusting, replace(link, file=file))
        other = mailed(file, "ana@birch.example", author="eve@evil.example")
        assert not may_fix(trusting, replace(link, file=other))
        distrust_sender(trusting, "sales", "ana@birch.example")
        assert not may_fix(trusting, replace(link, file=file))


def mailed(file: File, sender: str, author: str) -> File:
    detail = {**file.item.detail, "author": author}
    return replace(file, item=replace(file.item, sender=sender, detail=detail))


def with_senders(runtime: Runtime, *senders: str) -> Runtime:
    from schemas.trust import Trust

    feed = replace(runtime.feeds["sales"], trust=Trust(senders=senders))
    return replace(runtime, feeds={**runtime.feeds, "sales": feed})


def test_without_keys_there_are_no_links(tmp_path: Path, redis_url: str) -> None:
    with web_world(tmp_path, redis_url) as world:
        runtime = world.service.runtime
        mine = world.put("mine.csv", f"id,day,amount,iban\nA,2026-11-03,x,{IBAN}\n")
        assert runtime.links is None
        with pytest.raises(ConfigError, match=r"web\.link_keys"):
            renew_link(runtime, mine)
        keys = LinkKeys(url=URL, keys={"a": b"a" * 40}, days=30)
        made = renew_link(replace(runtime, links=keys), mine).url.rpartition("/")[2]
        assert opened(world, made).status == 404
