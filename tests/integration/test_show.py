"""`waybill show` of a name that several files have."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from click.testing import CliRunner

from bare_service import bare_service
from entrypoints.cli import cli
from taking_in import taken_in


def test_the_newest_of_a_name_is_shown_and_the_others_are_named(tmp_path: Path) -> None:
    service = bare_service(tmp_path)
    (tmp_path / "drop" / "sales").mkdir()
    for age in (90, 60, 30):
        path = tmp_path / "drop" / "sales" / "again.csv"
        path.write_text(f"id,day,amount,iban\nA,2026-11-03,{age},\n")
        os.utime(path, (time.time() - age,) * 2)
        taken_in(service.runtime, "sales")
    newest, *others = service.ledger.files.find("again.csv")
    assert len(others) == 2

    def shown(*words: str) -> str:
        told = CliRunner().invoke(cli, ["--config", str(service.config), "show", *words])
        assert told.exit_code == 0, told.output
        return told.output

    as_json = json.loads(shown("again.csv", "--json"))
    assert as_json["file_id"] == newest.file_id
    assert as_json["others"] == [each.file_id for each in others]
    text = shown("sales/again.csv")
    assert all(each.file_id[:8] in text for each in others)
    assert "this is the newest of that name" in text
    assert json.loads(shown(others[0].file_id, "--json"))["others"] == []
