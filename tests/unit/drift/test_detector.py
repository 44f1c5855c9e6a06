"""Drift: what is found in a file, what the policy makes of it, and the contract's text after."""

from __future__ import annotations

from difflib import ndiff
from pathlib import Path
from typing import Any

import pytest

from folders import ROOT
from pipelines import Feed
from pipelines.drift.detector import NOTHING_KNOWN, FeedHistory, HeldBackError
from pipelines.prepare.stage_file import Staged, Terms, stage_file
from schemas.contract import Column, Contract, DriftPolicy, Type
from schemas.dialect import Dialect, Format
from schemas.drift import ContractChange, DriftKind, Finding, Profile, added_by, base_of, extended
from schemas.errors import ContractError
from schemas.limits import Limits
from schemas.odcs.edit import edited, fragment
from schemas.odcs.reader import read_contract

COLUMNS = (
    Column(name="id", type=Type.STRING, required=True),
    Column(name="day", type=Type.DATE),
    Column(name="weight", type=Type.NUMERIC),
    Column(name="customer_email", type=Type.STRING),
)


def contract(
    policy: str = "strict", columns: tuple[Column, ...] = COLUMNS, **more: Any
) -> Contract:
    return Contract(
        name="t", version="v", table="t", columns=columns, primary_key=("id",),
        drift=DriftPolicy(policy), reject_threshold=1.0, **more,
    )  # fmt: skip


def stage(folder: Path, text: str, made: Contract, memory: FeedHistory = NOTHING_KNOWN) -> Staged:
    raw = folder / "raw.csv"
    raw.write_text(text)
    feed = Feed(name="t", source="s", match="*", contract="t")
    limits = Limits(block_bytes=256 if len(text) < 1 << 14 else 1 << 16)
    return stage_file(raw, Terms.of("f", feed, made, limits, memory=memory), folder)


def held(
    folder: Path, text: str, made: Contract, memory: FeedHistory = NOTHING_KNOWN
) -> HeldBackError:
    with pytest.raises(HeldBackError) as raised:
        stage(folder, text, made, memory)
    return raised.value


def rows(*, unit: float = 1.0, form: str = "2026-11-{:02}", count: int = 40) -> str:
    return "".join(
        f"k{n},{form.format(n % 28 + 1)},{(10 + n) * unit:g},a{n}@example.com\n"
        for n in range(count)
    )


HEADER = "id,day,weight,customer_email\n"


def test_a_new_column_gets_the_type_that_every_cell_has(tmp_path: Path) -> None:
    def text(last: str) -> str:
        cells = "".join(f"k{n},2026-11-01,1,a@b.c,{n},2026-01-01,yes,0{n},\n" for n in range(100))
        return f"id,day,weight,customer_email,n,d,b,z,e\n{cells}k,2026-11-01,1,a@b.c,{last},,,,\n"

    def types(last: str) -> list[object]:
        error = held(tmp_path, text(last), contract())
        return [each.change and each.change.type for each in error.drift]

    assert types("7") == [Type.INT64, Type.DATE, Type.BOOL, Type.STRING, Type.STRING]
    assert types("7.5")[0] is Type.NUMERIC
    assert types("x")[0] is Type.STRING


def test_a_rename_is_told_by_name_or_by_the_look_of_its_values(tmp_path: Path) -> None:
    known = stage(tmp_path, HEADER + rows(), contract())
    memory = FeedHistory(profiles={name: [each] for name, each in known.profiles.items()})
    text = "id,day,weight,contact\n" + rows()
    (found,) = held(tmp_path, text, contract(), memory).drift
    assert (found.kind, found.column, found.cell) == (
        DriftKind.RENAMED, "customer_email", "contact",
    )  # fmt: skip
    assert found.change == ContractChange(column="customer_email", headers=("contact",))
    blind = held(tmp_path, text, contract()).drift
    assert {each.kind for each in blind} == {DriftKind.MISSING, DriftKind.NEW}
    by_name = held(tmp_path, "id,day,net_weight,customer_email\n" + rows(), contract()).drift
    assert [(each.kind, each.column) for each in by_name] == [(DriftKind.RENAMED, "weight")]
    refused = FeedHistory(profiles=memory.profiles, dismissed=(found,))
    again = held(tmp_path, text, contract(), refused).drift
    assert {each.kind for each in again} == {DriftKind.MISSING, DriftKind.NEW}


def test_a_renamed_column_must_hold_values_of_its_type(tmp_path: Path) -> None:
    text = "id,day,weight_text,customer_email\n" + rows().replace(",1", ",heavy")
    kinds = {each.kind for each in held(tmp_path, text, contract()).drift}
    assert kinds == {DriftKind.MISSING, DriftKind.NEW}


def test_a_changed_date_format_is_proposed_only_if_it_is_sure(tmp_path: Path) -> None:
    staged = stage(tmp_path, HEADER + rows(form="{:02}/11/2026"), contract())
    (found,) = staged.drift
    assert (found.kind, found.column, found.held) == (DriftKind.TYPE, "day", True)
    assert found.change is not None
    assert found.change.formats == ("%Y-%m-%d", "%d/%m/%Y")
    assert "40 of 40 values of day" in found.render()
    unsure = stage(tmp_path, HEADER + rows(form="{:02}/11/2026", count=9), contract())
    assert [each.change for each in unsure.drift] == [None]
    heavy = "".join(f"k{n},2026-11-01,heavy,a@b.c\n" for n in range(5))
    text = stage(tmp_path, HEADER + heavy, contract())
    assert text.drift[0].change == ContractChange(column="weight", type=Type.STRING)


@pytest.mark.parametrize(("unit", "factor"), [(1000, "1e+03"), (0.01, "0.01"), (1.3, None)])
def test_a_changed_unit_is_a_warning(tmp_path: Path, unit: float, factor: str | None) -> None:
    before = [
        Profile(count=40, low=18 + n, median=29 + n, high=39 + n, shapes={"9": 1.0})
        for n in range(5)
    ]
    staged = stage(
        tmp_path, HEADER + rows(unit=unit), contract(), FeedHistory(profiles={"weight": before})
    )
    assert staged.counts.loaded == 40
    found = [
        (each.column, each.values["factor"].replace(",", ""), each.held) for each in staged.drift
    ]
    expected = {"1e+03": "1e+03"}.get(str(factor), factor)
    assert found == ([("weight", expected, False)] if factor else [])


CODES = [f"{n * 37 % 1000:05}" for n in range(1, 41)]


def of_codes(ids: list[str], codes: list[str]) -> str:
    return HEADER + "".join(
        f"{one},2026-11-01,{n},{other}\n"
        for n, (one, other) in enumerate(zip(ids, codes, strict=True))
    )


@pytest.mark.parametrize(
    ("codes", "is_told"),
    [
        ([code.lstrip("0") for code in CODES], True),
        ([*(code.lstrip("0") for code in CODES[1:]), "n/a"], True),
        (CODES, False),
        ([f"{10_000 + n}" for n in range(40)], False),
        ([*(code.lstrip("0") for code in CODES[1:]), "00123"], False),
        ([f"A{code}" for code in CODES], False),
        ([f"{n}23456" for n in range(1, 41)], False),
    ],
)  # fmt: skip
def test_codes_that_have_lost_their_leading_zeros_are_a_warning(
    tmp_path: Path, codes: list[str], is_told: bool
) -> None:
    """Also those of a key: a spreadsheet takes both for numbers."""
    made = contract()
    known: dict[str, list[Profile]] = {"id": [], "customer_email": []}
    for _ in range(3):
        staged = stage(tmp_path, of_codes(CODES, CODES), made, FeedHistory(profiles=known))
        assert staged.drift == ()
        for name, some in known.items():
            some.insert(0, staged.profiles[name])
    # Keys come once in a file.
    staged = stage(tmp_path, of_codes(codes, codes), made, FeedHistory(profiles=known))
    assert staged.counts.loaded == len(set(codes))
    assert {(each.kind, each.column, each.held) for each in staged.drift} == (
        {(DriftKind.SCALE, name, False) for name in known} if is_told else set()
    )
    for each in staged.drift:
        assert "have lost their leading zeros" in each.render()
        assert "5" in each.render()
        assert "ceros" in each.render("es")


def test_codes_of_two_widths_in_earlier_files_were_no_padded_ones(tmp_path: Path) -> None:
    known = [Profile(count=40, width=width) for width in (5, 5, 0, 5)]
    bare = [code.lstrip("0") for code in CODES]
    for before in (known, known[:2], [Profile(count=40) for _ in range(5)]):
        memory = FeedHistory(profiles={"id": before})
        assert stage(tmp_path, of_codes(bare, CODES), contract(), memory).drift == ()


def test_growing_numbers_are_no_change_of_scale(tmp_path: Path) -> None:
    before: list[Profile] = []
    for number in range(12):
        text = HEADER + "".join(f"k{n},2026-11-01,{1000 * number + n},a@b.c\n" for n in range(1000))
        staged = stage(tmp_path, text, contract(), FeedHistory(profiles={"weight": before}))
        assert staged.drift == ()
        before.insert(0, staged.profiles["weight"])


def test_hostile_headers_stay_bounded(tmp_path: Path) -> None:
    wide = ",".join(["id", *(f"c{n}" for n in range(3000))])
    error = held(tmp_path, f"{wide}\n" + ",".join(["x"] * 3001) + "\n", contract("additive"))
    assert len(error.drift) < 110
    assert len(error.message) < 3000
    wrong = held(tmp_path, "a;b;c\n1;2;3\n", contract())
    assert wrong.drift == ()
    assert "the column id is missing" in wrong.render("en")
    assert "falta la columna id" in wrong.render("es")


@pytest.mark.parametrize("cell", ["", "_", "total", "__ROOT_", "_table_x y"])
def test_a_column_that_cannot_be_added_holds_the_file(tmp_path: Path, cell: str) -> None:
    derived = Column(name="total", type=Type.INT64, derived=True)
    made = contract("additive", (*COLUMNS, derived))
    text = f"id,day,weight,customer_email,{cell}\nk,2026-11-01,1,a@b.c,5\n"
    if cell in ("__ROOT_", "_table_x y"):
        made = contract("additive")
        staged = stage(tmp_path, text, made)
        assert added_by(staged.contract.version) in (("root",), ("table_x_y",))
        return
    assert held(tmp_path, text, made).drift[0].change is None


def test_json_may_leave_out_keys_without_a_value(tmp_path: Path) -> None:
    made = contract(dialect=Dialect(format=Format.JSONL))
    staged = stage(tmp_path, '{"id": "a"}\n{"weight": 1, "id": "b"}\n', made)
    assert (staged.counts.loaded, staged.drift) == (2, ())


def test_an_extended_contract_is_named_by_its_version() -> None:
    wider = extended(contract(), ["b", "a", "ID", "a"])
    assert wider.version == "v+a+b"
    assert [column.name for column in wider.columns][-2:] == ["a", "b"]
    assert (added_by(wider.version), base_of(wider.version)) == (("a", "b"), "v")
    assert extended(wider, ["a"]) is wider
    assert (added_by(None), base_of("v")) == ((), "v")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "schemas").glob("*.odcs.yaml")), ids=lambda p: p.name
)
def test_a_contract_keeps_every_other_byte_when_it_is_edited(path: Path, tmp_path: Path) -> None:
    before = path.read_text("utf-8")
    if "physicalType: view" in before:
        with pytest.raises(ContractError):
            edited(before, ContractChange(column="x", type=Type.STRING))
        return
    change = ContractChange(column="tier", type=Type.INT64, headers=("Tier: gold",))
    after = edited(before, change)
    added = [line[2:] for line in ndiff(before.splitlines(), after.splitlines()) if line[0] == "+"]
    removed = [line for line in ndiff(before.splitlines(), after.splitlines()) if line[0] == "-"]
    assert (added[0], removed) == ("      - name: tier", [])
    assert edited(after, change) == after
    assert edited(before.replace("\n", "\r\n"), change) == after.replace("\n", "\r\n")
    (tmp_path / path.name).write_text(after, "utf-8")
    made = read_contract(tmp_path / path.name)
    assert isinstance(made, Contract)
    assert made.column("tier").headers == ("Tier: gold",)
    assert "- name: tier" in fragment(change)


def test_a_change_that_is_no_contract_is_refused() -> None:
    text = (ROOT / "schemas" / "orders.odcs.yaml").read_text("utf-8")
    with pytest.raises(ContractError, match="no column nope"):
        edited(text, ContractChange(column="nope", required=False))
    with pytest.raises(ContractError):
        edited("a: [", ContractChange(column="x", type=Type.STRING))
    free = edited(text, ContractChange(column="sku", required=False))
    assert free == text.replace(
        "The article.\n        required: true", "The article.\n        required: false"
    )


def test_findings_speak_both_languages() -> None:
    found = Finding(
        kind=DriftKind.SCALE, column="w", values={"column": "w", "factor": "100"},
        template="the values of {column} are about {factor} times those of earlier files;"
        " has the unit changed?",
    )  # fmt: skip
    assert "unas 100 veces" in found.render("es")
