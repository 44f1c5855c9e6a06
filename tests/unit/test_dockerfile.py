"""The image and the compose file name only what the repository really has."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from entrypoints.cli import COMMANDS
from folders import ROOT


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and their arguments, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def copied() -> list[set[str]]:
    """What each stage copies out of the repository."""
    stages: list[set[str]] = []
    for word, rest in instructions():
        if word == "FROM":
            stages.append(set())
        if word == "COPY" and "--from" not in rest:
            stages[-1].update(shlex.split(rest)[:-1])
    return stages


def ignored() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / "compose.yaml")
    return loaded


def test_what_is_copied_exists_and_enters_the_build() -> None:
    paths = set.union(*copied())
    assert paths
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    assert {f"!{path}" for path in paths} == {line for line in ignored() if line[0] == "!"}
    assert ignored()[0] == "*"


def test_the_builder_copies_the_whole_distribution(project: dict[str, Any]) -> None:
    builder = copied()[0]
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    # The samples are the demo's, which the image leaves out.
    packages = {each for each in wheel["only-include"] if not each.startswith("samples/")}
    assert builder == packages | {project["project"]["readme"], "pyproject.toml", "uv.lock"}


def test_the_image_runs_the_console_script(project: dict[str, Any]) -> None:
    last = dict(instructions())
    [script] = project["project"]["scripts"]
    assert last["ENTRYPOINT"] == f'["{script}"]'
    assert last["CMD"].strip('["]') in COMMANDS
    module, _, function = project["project"]["scripts"][script].partition(":")
    source = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    assert re.search(rf"^def {function}\(", source.read_text("utf-8"), re.MULTILINE)


def test_the_image_is_not_root() -> None:
    users = [rest for word, rest in instructions() if word == "USER"]
    assert int(users[-1]) > 0
    assert instructions().index(("USER", users[-1])) < instructions().index(("CMD", '["worker"]'))


def test_one_uv_everywhere() -> None:
    pins = {
        name: re.findall(pattern, (ROOT / name).read_text("utf-8"))
        for name, pattern in (("Makefile", r"UV_VERSION := (\S+)"), ("Dockerfile", r"uv==(\S+)"))
    }
    assert pins["Makefile"] == pins["Dockerfile"] != []


def test_compose_runs_commands_that_exist(compose: dict[str, Any]) -> None:
    ours = {name: each for name, each in compose["services"].items() if each.get("build") == "."}
    assert set(ours) == {"apply", "worker", "beat", "watch", "web"}
    for each in ours.values():
        assert each["command"][0] in COMMANDS


def test_compose_declares_what_its_services_use(compose: dict[str, Any]) -> None:
    for kind in ("secrets", "networks", "volumes"):
        used = {
            name.partition(":")[0]
            for service in compose["services"].values()
            for name in service.get(kind, ())
            # A folder of the machine is no volume.
            if not name.startswith("${")
        }
        assert used - {"default"} == set(compose[kind])


def test_compose_settings_are_settings(
    compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from entrypoints.config.settings import read_settings

    for name in ("ledger_url", "mail_password", "google", "aws"):
        (tmp_path / name).write_text("postgresql://waybill:pass@ledger:5432/waybill\n")
    for name, value in compose["services"]["worker"]["environment"].items():
        plain = re.sub(r"\$\{[^}]*\}", "example-value", value)
        monkeypatch.setenv(name, plain.replace("/run/secrets", str(tmp_path)))
    settings = read_settings(ROOT / "config.yaml")
    assert settings.broker.url.get_secret_value() == "redis://broker:6379/0"
    secret = (tmp_path / "ledger_url").read_text().strip()
    assert settings.ledger.config.url.get_secret_value() == secret
    assert settings.mail is not None
    for config in (settings.mail.config, settings.sources["partners"].config):
        assert config.password.get_secret_value() == secret


def test_hadolint_has_no_complaint() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [linter, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
