"""What the wheel brings: our packages whole, and nothing else beside them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from entrypoints import extras
from folders import ROOT

PACKAGES = ("connectors", "dags", "entrypoints", "pipelines", "schemas")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", out, ROOT], check=True)
    [built] = out.glob("*.whl")
    return zipfile.ZipFile(built)


def test_every_file_of_the_packages_and_the_samples_is_in_it(wheel: zipfile.ZipFile) -> None:
    folders = (*PACKAGES, "samples/drop", "samples/mail")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *folders], cwd=ROOT, check=True, capture_output=True
    ).stdout.decode()
    tracked = {each for each in listed.split("\0") if (ROOT / each).is_file()}
    assert {"schemas/locale/es.po", "connectors/ledger/migrations/env.py"} < tracked
    wanted = {
        each.replace("samples/", "entrypoints/demo/samples/", 1)
        if each.startswith("samples/")
        else each
        for each in tracked
    }
    found = {each for each in wheel.namelist() if ".dist-info/" not in each}
    assert wanted - found == set()
    assert {each.partition("/")[0] for each in found} == set(PACKAGES)


def test_it_says_what_it_needs_for_what(wheel: zipfile.ZipFile) -> None:
    [name] = [each for each in wheel.namelist() if each.endswith(".dist-info/METADATA")]
    lines = wheel.read(name).decode().splitlines()
    assert {each for each in lines if each.startswith("Provides-Extra")} == {
        "Provides-Extra: demo", "Provides-Extra: mcp", "Provides-Extra: web",
    }  # fmt: skip
    always = [each for each in lines if each.startswith("Requires-Dist") and "extra ==" not in each]
    for fixed in ("google-cloud-bigquery", "pandas", "pyarrow", "boto3", "celery", "redis",
                  "great-expectations"):  # fmt: skip
        assert any(each.startswith(f"Requires-Dist: {fixed}>=") for each in always), fixed
    for extra in ("django", "fastapi", "mcp", "duckdb", "uvicorn"):
        assert not any(each.startswith(f"Requires-Dist: {extra}") for each in always), extra


def test_the_modules_of_the_extras_are_those_that_are_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(extras._MODULES) == set(project["optional-dependencies"])
    for extra, modules in extras._MODULES.items():
        assert [each for each in modules if find_spec(each) is None] == []
        assert extras.has(extra)
