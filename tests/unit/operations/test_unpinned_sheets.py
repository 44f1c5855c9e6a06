"""Contracts of workbooks that name no sheet are told before a file with several comes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bare_service import bare_service
from pipelines.operations.unpinned_sheets import unpinned_sheets
from schemas.dialect import Dialect, Format


def test_a_contract_of_workbooks_without_a_sheet_is_named(tmp_path: Path) -> None:
    runtime = bare_service(tmp_path, "sales", "stock").runtime
    dialects = {"sales": Dialect(format=Format.EXCEL), "stock": Dialect(format=Format.EXCEL)}
    dialects["stock"] = replace(dialects["stock"], sheet="Stock")
    contracts = {
        name: replace(runtime.contracts[name], dialect=dialect)
        for name, dialect in dialects.items()
    }
    [note] = unpinned_sheets(replace(runtime, contracts=contracts))
    assert note.startswith("contract sales names no sheet")
    assert list(unpinned_sheets(runtime)) == []
