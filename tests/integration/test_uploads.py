"""Uploads become files of their feed, once, from a stream to what is prepared."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bare_service import BareService, bare_service
from connectors.failpoints import POINTS
from entrypoints.cli.audit import _sender_of
from entrypoints.cli.options import open_runtime
from folders import ROOT
from pipelines.acknowledge.answer import answer_about
from pipelines.acknowledge.reply import planned_follow_up, planned_reply
from pipelines.operations.uploads import Uploaded, upload
from pipelines.steps import STEPS
from schemas import storage_keys
from schemas.errors import ConflictError, NotFoundError, RefusedError
from schemas.file import File, Outcome, Status
from schemas.limits import Limits
from schemas.trust import Trust

GOOD = b"id,day,amount,iban\nA,2026-11-03,1,DE44500105175407324931\n"


@pytest.fixture
def service(tmp_path: Path) -> BareService:
    return bare_service(tmp_path, "sales", "other")


def sent(service: BareService, name: str = "s.csv", content: bytes = GOOD, **more: Any) -> Uploaded:
    return upload(service.runtime, "sales", name, io.BytesIO(content), **more)


def test_an_upload_is_prepared_as_any_other_file(service: BareService) -> None:
    found = sent(service)
    assert (found.file.source, found.file.item.key) == ("uploads", "s.csv")
    [work] = found.work
    STEPS[work.step](service.runtime, work.target)
    file = service.ledger.files.get(found.file.file_id)
    assert (file.status, file.outcome, file.counts.read) == (Status.PREPARED, Outcome.ACCEPTED, 1)
    assert [act.action for act in service.ledger.acts.latest()] == ["upload"]
    # What is landed is not kept twice.
    service.runtime.sources["uploads"].finish(file.item)
    assert not service.runtime.storage.exists(storage_keys.uploaded(found.upload.upload_id))


def test_who_has_uploaded_a_file_is_its_sender(service: BareService) -> None:
    service.runtime = replace(service.runtime, actor=replace(service.runtime.actor, who="ana"))
    assert _sender_of(sent(service).file) == "uploaded by ana"
    known = sent(service, "t.csv", sender="shop@partner.example").file
    assert _sender_of(known) == "shop@partner.example"


def test_the_same_name_again_is_a_new_version(service: BareService) -> None:
    one, two = sent(service), sent(service, content=GOOD + b"B,2026-11-03,2,\n")
    versions = service.ledger.files.versions("sales", ["s.csv"])
    assert [each.file_id for each in versions] == [one.file.file_id, two.file.file_id]


def test_the_same_key_is_the_same_file_and_never_another(service: BareService) -> None:
    one = sent(service, idempotency_key="k")
    again = sent(service, idempotency_key="k")
    assert (again.file.file_id, again.is_new) == (one.file.file_id, False)
    with pytest.raises(RefusedError, match="another upload"):
        sent(service, content=GOOD + b"\n", idempotency_key="k")
    with pytest.raises(RefusedError, match="another upload"):
        sent(service, "t.csv", idempotency_key="k")
    assert service.ledger.files.waiting("sales") == 1
    # A stopped feed takes nothing more, and yet says what became of what it took.
    service.ledger.feeds.stop("sales", "by hand")
    assert sent(service, idempotency_key="k").file.file_id == one.file.file_id
    with pytest.raises(ConflictError, match="stopped"):
        sent(service)


def test_nothing_is_kept_of_what_is_refused(service: BareService) -> None:
    with pytest.raises(NotFoundError):
        upload(service.runtime, "none", "s.csv", io.BytesIO(GOOD))
    with pytest.raises(RefusedError, match="empty"):
        sent(service, content=b"")
    with pytest.raises(RefusedError, match="SHA-256"):
        sent(service, sha256=hashlib.sha256(b"other").hexdigest())
    small = replace(service.runtime, limits=Limits(file_bytes=10))
    with pytest.raises(RefusedError, match="larger than 10 bytes"):
        upload(small, "sales", "s.csv", io.BytesIO(GOOD))
    assert service.ledger.files.waiting("sales") == 0
    assert [*service.runtime.storage.list("")] == []
    assert [*(service.folder / "work").iterdir()] == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "a/b.csv",
        "a\\b.csv",
        "a\nb.csv",
        "a\0b",
        "vsc.\u202efdp",
        "é" * 128,
        " a",
        "\ufffd",
        "a\u200bb.csv",
        "a.csv\ufeff",
        "a\u00adb.csv",
        "a\U000e0041.csv",
        "a\ue000.csv",
        "a\u3164.csv",
    ],
)
def test_hostile_names_are_refused(service: BareService, name: str) -> None:
    with pytest.raises(RefusedError, match="the name"):
        sent(service, name)


def test_names_are_composed(service: BareService) -> None:
    assert sent(service, "ventas-e\u0301.csv").file.item.name == "ventas-\u00e9.csv"
    # Joiners belong to how some languages are written.
    assert sent(service, "\u0645\u06cc\u200c\u062e.csv").file.item.name[2] == "\u200c"


def prepared(service: BareService, found: Uploaded) -> File:
    for work in found.work:
        STEPS[work.step](service.runtime, work.target)
    return service.ledger.files.get(found.file.file_id)


def test_nothing_is_said_to_lie_beside_an_upload(service: BareService, tmp_path: Path) -> None:
    file = prepared(service, sent(service))
    with ExitStack() as stack:
        answer = answer_about(service.runtime, file, tmp_path, stack)
        said = planned_reply(service.runtime, file, answer)
        assert said == planned_follow_up(service.runtime, file, answer, "r")
    assert said == "receipt kept for who has uploaded it"
    at_a_source = replace(file, source="drop")
    assert planned_reply(service.runtime, at_a_source, answer) == "receipt left at the source"


def test_a_key_stands_for_the_sender_but_not_for_what_is_sent(service: BareService) -> None:
    feed = service.runtime.feeds["sales"]
    trust = Trust(senders=("partner.example",), names=("sales*",), files_a_day=1)
    feeds = {**service.runtime.feeds, "sales": replace(feed, trust=trust)}
    service.runtime = replace(service.runtime, feeds=feeds)
    assert prepared(service, sent(service, "sales1.csv")).status is Status.PREPARED
    odd = prepared(service, sent(service, "odd.csv", GOOD + b"B,2026-11-03,1,\n"))
    assert (odd.status, "is not expected" in (odd.reason or "")) == (Status.HELD, True)
    more = prepared(service, sent(service, "sales2.csv", GOOD + b"C,2026-11-03,1,\n"))
    assert (more.status, "today" in (more.reason or "")) == (Status.HELD, True)


def test_an_uploaded_correction_of_another_feeds_file_is_refused(service: BareService) -> None:
    theirs = upload(service.runtime, "other", "o.csv", io.BytesIO(GOOD)).file
    row = f"B,2026-11-03,2,,2,amount is wrong,{theirs.file_id}\n"
    body = b"id,day,amount,iban,_line,_error,_file\n" + row.encode()
    file = prepared(service, sent(service, "o.rejected.csv", body))
    assert (file.outcome, "nobody here has sent" in (file.reason or "")) == (
        Outcome.QUARANTINED, True,
    )  # fmt: skip
    assert service.ledger.files.find("o.rejected.csv") == [file]


# One start of Python for all: each child of it is killed at one point.
KILLED = """
import io, os, sys
from pathlib import Path
from entrypoints.cli.audit import _sender_of
from entrypoints.cli.options import open_runtime
from pipelines.operations.uploads import upload

for point in sys.argv[2:]:
    child = os.fork()
    if not child:
        Path(os.environ["WAYBILL_CRASH_FILE"]).write_text(point)
        body = io.BytesIO(Path("body.csv").read_bytes() + point.encode())
        upload(open_runtime(Path(sys.argv[1])), "sales", point, body, idempotency_key=point)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9, point
"""


def test_whoever_sends_it_again_after_a_crash_gets_one_file(service: BareService) -> None:
    points = [each for each in POINTS if each.startswith("upload.")]
    (service.folder / "body.csv").write_bytes(GOOD)
    crash = {"WAYBILL_CRASH_FILE": str(service.folder / "crash"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(service.config), *points],
        cwd=service.folder, env={**os.environ, **crash}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [killed] = service.ledger.files.latest()
    assert killed.item.name == "upload.registered"
    runtime = service.runtime
    # The same person, from the same place.
    with_actor = replace(runtime, actor=open_runtime(service.config).actor)
    for point in points:
        for _ in range(2):
            body = io.BytesIO(GOOD + point.encode())
            found = upload(with_actor, "sales", point, body, idempotency_key=point)
        [file] = service.ledger.files.find(point)
        assert (file.file_id, len(found.work)) == (found.file.file_id, 1)
        with runtime.sources["uploads"].open(file.item) as stream:
            assert stream.read() == GOOD + point.encode()
    assert len({*runtime.storage.list("uploads")}) == len(points)
    acts = [each.action for each in service.ledger.acts.latest()]
    assert acts == ["upload"] * len(points)
