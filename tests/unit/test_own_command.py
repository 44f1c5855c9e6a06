"""How people are told to type the command: as it is found from where they stand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from entrypoints.own_command import typed_command


@pytest.mark.parametrize(
    ("called", "where", "on_path", "typed"),
    [
        ("{0}/.venv/bin/waybill", ".", False, ".venv/bin/waybill"),
        ("{0}/.venv/bin/waybill", "elsewhere", False, "{0}/.venv/bin/waybill"),
        ("{0}/.venv/bin/waybill", "elsewhere", True, "waybill"),
        ("{0}/entrypoints/__main__.py", ".", True, f"{sys.executable} -m entrypoints"),
    ],
)
def test_the_command_is_shown_as_it_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    called: str, where: str, on_path: bool, typed: str,
) -> None:  # fmt: skip
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "waybill").touch(0o755)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / where)
    monkeypatch.setenv("PATH", str(programs) if on_path else str(tmp_path))
    monkeypatch.setattr(sys, "argv", [called.format(tmp_path)])
    assert typed_command() == typed.format(tmp_path)
