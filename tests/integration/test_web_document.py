"""The document of the API and the service keep to each other, whatever a program sends."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from web_server import Asking
from web_world import BAD, GOOD, PARTLY, WebWorld, web_world

EXAMPLES = 8
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def filled(world: WebWorld) -> None:
    world.done(world.put("good.csv", GOOD))
    world.done(world.put("partly.csv", PARTLY))
    world.put("bad.csv", BAD)
    world.alert()


def test_no_request_breaks_the_service_or_its_document(tmp_path: Path, redis_url: str) -> None:
    with web_world(tmp_path, redis_url) as world:
        filled(world)
        ask = world.asking("admin")
        file_id = ask.get("/api/v1/files?starts=partly").json["items"][0]["file_id"]
        # Half of the questions are about what there is.
        known = {"file_id": file_id, "feed": "sales"}
        document = schemathesis.openapi.from_url(f"{world.url}/api/v1/openapi.json")
        document.config.generation.update(modes=list(GenerationMode))
        headers = {"Authorization": f"Bearer {ask.token}"}
        for each in document.get_all_operations():
            operation: Any = each.ok()  # type: ignore[union-attr]

            @settings(
                max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
                phases=[Phase.generate], suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            def sent(case: Any, number: list[int]) -> None:
                number[0] += 1
                if number[0] % 2:
                    names = case.path_parameters.keys() & known.keys()
                    case.path_parameters.update({name: known[name] for name in names})
                case.call_and_validate(headers=headers, checks=CHECKS, timeout=30)

            strategy = operation.as_strategy()
            given(case=strategy, number=st.just([0]))(sent)()


_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def client_of(document_url: str, folder: Path) -> ModuleType:
    """The typed client that the document makes."""
    # The generator knows no workbooks, but bytes.
    (folder / "client.yaml").write_text(
        "post_hooks: []\npackage_name_override: made_client\ncontent_type_overrides:\n"
        f"  {_WORKBOOK}: application/octet-stream\n"
    )
    command = [
        sys.executable, "-m", "openapi_python_client", "generate", "--url", document_url,
        "--config", str(folder / "client.yaml"), "--output-path", str(folder / "out"),
        "--meta", "none", "--fail-on-warning",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    spec = importlib.util.spec_from_file_location(
        "made_client", folder / "out" / "__init__.py",
        submodule_search_locations=[str(folder / "out")],
    )  # fmt: skip
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["made_client"] = module
    spec.loader.exec_module(module)
    return module


def test_a_client_is_made_of_the_document_and_asks_the_service(
    tmp_path: Path, redis_url: str
) -> None:
    (tmp_path / "service").mkdir()
    with web_world(tmp_path / "service", redis_url) as world:
        filled(world)
        ask: Asking = world.asking("operator")
        made = client_of(f"{world.url}/api/v1/openapi.json", tmp_path)
        client = made.AuthenticatedClient(base_url=world.url, token=ask.token)
        listed = importlib.import_module("made_client.api.files.list_files")
        page = listed.sync(client=client, starts="partly")
        assert [each.name for each in page.items] == ["partly.csv"]
        one = importlib.import_module("made_client.api.files.get_file")
        file = one.sync(page.items[0].file_id, client=client)
        assert (file.counts.rejected, file.sent_at.tzinfo is not None) == (3, True)
        again = importlib.import_module("made_client.api.acts_on_files.retry_file")
        body = importlib.import_module("made_client.models").RetryBody()
        assert again.sync(file.file_id, client=client, body=body).status == "discovered"
