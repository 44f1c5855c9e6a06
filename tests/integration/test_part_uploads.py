"""Uploads in parts: to a real S3 server directly, and whole or not at all."""

from __future__ import annotations

import urllib.request
import uuid
from pathlib import Path

import boto3

from entrypoints.demo.servers import S3Endpoint
from pipelines.operations.cleaned_uploads import _remove
from pipelines.operations.part_uploads import store_of
from schemas import storage_keys
from web_server import Asking
from web_world import GOOD, WebWorld, web_world

V1 = "/api/v1"
BODY = GOOD.encode()


def sent_part(ask: Asking, upload_id: str, body: bytes) -> dict[str, object]:
    [part] = ask.get(f"{V1}/uploads/{upload_id}/parts").json["items"]
    request = urllib.request.Request(part["url"], body, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return {"parts": [{"number": part["number"], "etag": answer.headers["ETag"]}]}


def begun(ask: Asking, name: str, size: int, **headers: str) -> str:
    body = {"name": name, "size": size}
    found = ask.post(f"{V1}/feeds/sales/uploads", body, **headers)
    assert found.status == 201, found.body
    return str(found.json["upload_id"])


def test_parts_become_one_file_once(
    tmp_path: Path, redis_url: str, s3_endpoint: S3Endpoint
) -> None:
    bucket = f"uploads-{uuid.uuid4().hex[:12]}"
    client = boto3.client(
        "s3", endpoint_url=s3_endpoint.url, region_name=s3_endpoint.region,
        aws_access_key_id=s3_endpoint.access_key, aws_secret_access_key=s3_endpoint.secret_key,
    )  # fmt: skip
    client.create_bucket(Bucket=bucket)
    secret = tmp_path / "s3_secret"
    secret.write_text(s3_endpoint.secret_key)
    storage = {
        "type": "objects", "url": f"s3://{bucket}/way", "endpoint": s3_endpoint.url,
        "region": s3_endpoint.region, "access_key": s3_endpoint.access_key,
        "secret_key_file": str(secret),
    }  # fmt: skip
    with web_world(tmp_path, redis_url, storage=storage) as world:
        ask = world.asking("operator", "sales")
        upload_id = begun(ask, "big.csv", len(BODY), Idempotency_Key="k")
        assert begun(ask, "big.csv", len(BODY), Idempotency_Key="k") == upload_id
        complete = f"{V1}/uploads/{upload_id}/complete"
        wrong = {"parts": [{"number": 1, "etag": '"none"'}]}
        assert ask.post(complete, wrong).status == 409
        parts = sent_part(ask, upload_id, BODY)
        assert world.asking("operator", "other").post(complete, parts).status == 404
        runtime = world.service.runtime
        # Whoever had put them together died just then.
        upload = runtime.ledger.uploads.get(upload_id)
        assert upload is not None
        assert upload.multipart is not None
        store = store_of(runtime)
        assert store is not None
        etag = str(parts["parts"][0]["etag"])  # type: ignore[index]
        store.complete(storage_keys.uploaded(upload_id), upload.multipart, [(1, etag)])
        one, two = (ask.post(complete, parts) for _ in range(2))
        assert (one.status, two.status) == (201, 201), one.body
        assert one.json == two.json
        [file] = world.service.ledger.files.find("big.csv")
        with runtime.sources["uploads"].open(file.item) as stream:
            assert stream.read() == BODY
        assert ask("DELETE", f"{V1}/uploads/{upload_id}").status == 409
        _leaves_nothing(world, ask)
        assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")


def _leaves_nothing(world: WebWorld, ask: Asking) -> None:
    runtime = world.service.runtime
    # Another size than was said.
    upload_id = begun(ask, "odd.csv", len(BODY) + 1)
    found = ask.post(f"{V1}/uploads/{upload_id}/complete", sent_part(ask, upload_id, BODY))
    assert (found.status, "were said" in found.json["detail"]) == (422, True), found.body
    assert not runtime.storage.exists(storage_keys.uploaded(upload_id))
    # Given up by its sender, and by nobody.
    upload_id = begun(ask, "gone.csv", len(BODY))
    sent_part(ask, upload_id, BODY)
    assert ask("DELETE", f"{V1}/uploads/{upload_id}").status == 204
    assert ask.get(f"{V1}/uploads/{upload_id}/parts").status == 404
    upload_id = begun(ask, "left.csv", len(BODY))
    sent_part(ask, upload_id, BODY)
    left = runtime.ledger.uploads.get(upload_id)
    assert left is not None
    assert _remove(runtime, left)
    assert len(world.service.ledger.files.latest(feed="sales")) == 1


def test_elsewhere_parts_are_refused_in_words(tmp_path: Path, redis_url: str) -> None:
    with web_world(tmp_path, redis_url) as world:
        ask = world.asking("operator")
        found = ask.post(f"{V1}/feeds/sales/uploads", {"name": "a.csv", "size": 10})
        assert (found.status, "not on S3" in found.json["detail"]) == (409, True), found.body
