"""Receipts: what a sender reads, in both languages, and that every sentence is translated."""

from __future__ import annotations

import ast
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from babel.messages.pofile import read_po
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from folders import ROOT
from pipelines import Feed
from pipelines.acknowledge import fixes, render
from pipelines.acknowledge.fixes import Fixes
from pipelines.acknowledge.receipt import ReceiptInput, answer_of
from pipelines.parse import parsed
from pipelines.rejects.csv_file import write_rejected
from pipelines.rejects.messages import SENTENCES
from pipelines.rejects.rule_names import rule_name
from pipelines.rejects.table import RejectsWriter, rejected_table
from pipelines.validate.unique_keys import Key
from schemas.contract import Column, Contract, Duplicates, Type
from schemas.dialect import Dialect, Format, Numbers
from schemas.drift import DriftKind, DriftStatus, Finding, Sighting
from schemas.errors import DataError
from schemas.file import Counts, File, Outcome, Status
from schemas.item import Item
from schemas.language import FOLDER, LANGUAGES, params_of, printable, translate
from schemas.limits import Limits
from schemas.receipt import DriftNote, Receipt
from schemas.receipt_link import ReceiptLink
from schemas.reject import Problem, RejectedRow

SCHEMA = json.loads((ROOT / "docs" / "receipt.schema.json").read_text("utf-8"))
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def file_of(outcome: Outcome, **facts: Any) -> File:
    item = Item(key="a/b\x1b[31m.csv", version="1", name="b\x1b[31m.csv", sent_at=NOON)
    values: dict[str, Any] = {"counts": Counts(read=9, loaded=8, rejected=1), **facts}
    return File(
        file_id="0123456789abcdef", feed="t", source="s", item=item, status=Status.ACKNOWLEDGING,
        outcome=outcome, **values,
    )  # fmt: skip


def row(line: int, raw: str, column: str | None = "n", member: str | None = None) -> RejectedRow:
    problem = Problem(line=line, column=column, value="x", rule="type", message='"x" is wrong')
    return RejectedRow(line=line, raw=raw, problems=(problem,), member=member)


def rejects(folder: Path, header: list[str], *rows: RejectedRow) -> io.BytesIO:
    with RejectsWriter(folder / "rejects.parquet", header) as writer:
        writer.write(rejected_table(rows))
    return io.BytesIO((folder / "rejects.parquet").read_bytes())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", ["accepted", "partly", "quarantined", "repeated"])
def test_every_receipt_is_as_documented_and_has_no_control_characters(
    tmp_path: Path, outcome: str, language: str
) -> None:
    order = Finding(kind=DriftKind.ORDER, column="", template="the column {column} is missing",
                    values={"column": "q\x07"}, held=outcome == "quarantined")  # fmt: skip
    case = ReceiptInput(
        file=file_of(Outcome(outcome), reason="it is\nso", repeats="f" * 16),
        feed=Feed(name="t", source="s", match="*", contract="t", language=language),
        table="p.d.t",
        loaded_at=NOON,
        sightings=[Sighting(drift_id="00000001", finding=order, status=DriftStatus.OPEN)],
    )
    bad = rejects(tmp_path, ["n", "m"], row(3, "x,1"), row(4, "x,2", None, "in\x1b.csv"))
    answer = answer_of(case, bad, Dialect(), tmp_path, last_of_group=True)
    told = json.loads((tmp_path / "receipt.json").read_text("utf-8"))
    Draft202012Validator(SCHEMA).validate(told)
    assert all(printable(line) == line for line in answer.text.splitlines())
    assert translate("Rows read", language) in answer.text or outcome == "repeated"
    assert "in·.csv" in answer.text
    assert told["held"] is (outcome == "quarantined")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receipt_and_its_line_in_a_digest_have_its_link(tmp_path: Path, language: str) -> None:
    link = ReceiptLink(url="https://w.example/r/1.2.k.m", until=NOON)
    feed = Feed(name="t", source="s", match="*", contract="t", language=language)
    facts: dict[str, Any] = {"feed": feed, "table": "p.d.t", "loaded_at": NOON}
    case = ReceiptInput(file=file_of(Outcome.ACCEPTED), link=link, **facts)
    answer = answer_of(case, None, Dialect(), tmp_path, last_of_group=True)
    told = json.loads((tmp_path / "receipt.json").read_text("utf-8"))
    assert (told["link"], told["link_until"]) == (link.url, NOON.isoformat())
    Draft202012Validator(SCHEMA).validate(told)
    assert f"\n  {link.url}\n" in answer.text
    assert answer.html is not None
    assert f'href="{link.url}"' in answer.html
    digest = render.digest_bodies([answer.receipt], feed, language)
    assert f"\n  {link.url}\n" in digest.text
    assert f'href="{link.url}"' in digest.html
    assert link.url not in repr(answer.receipt)
    without = ReceiptInput(file=file_of(Outcome.ACCEPTED), **facts)
    plain = answer_of(without, None, Dialect(), tmp_path, last_of_group=True)
    assert "http" not in plain.text + (plain.html or "")


@pytest.mark.parametrize("outcome", [Outcome.REPEATED, Outcome.QUARANTINED])
def test_a_file_of_which_no_row_was_read_fixes_nothing(tmp_path: Path, outcome: Outcome) -> None:
    feed = Feed(name="t", source="s", match="*", contract="t")
    earlier = Receipt(
        file_id="1", feed="t", table="p.d.t", name="a", key="a", outcome=Outcome.PARTLY,
        counts=Counts(read=9, loaded=5, rejected=4), sent_at=NOON, loaded_at=NOON,
    )  # fmt: skip
    for counts, said in ((Counts(), False), (Counts(read=9, rejected=9), True)):
        case = ReceiptInput(
            file=file_of(outcome, counts=counts, repeats="f" * 16), feed=feed, table="p.d.t",
            loaded_at=NOON, earlier=earlier,
        )  # fmt: skip
        answer = answer_of(case, None, Dialect(), tmp_path, last_of_group=True)
        assert (answer.receipt.correction is not None) is said
        (tmp_path / "receipt.txt").unlink(missing_ok=True)


def test_templates_made_for_an_earlier_release_are_rendered(tmp_path: Path) -> None:
    """The user's own may still say `held` of a receipt, and of a drift, that is waiting."""
    (tmp_path / "receipt.txt.j2").write_text(
        "{{ receipt.held }} {% for note in receipt.drift %}{{ note.held }}{% endfor %}"
    )
    note = DriftNote(drift_id="1", kind="new column", column="n", message="?", waiting=True)
    made = Receipt(
        file_id="1", feed="t", table="p.d.t", name="a", key="a", outcome=Outcome.QUARANTINED,
        counts=Counts(), sent_at=NOON, loaded_at=NOON, waiting=True, drift=(note,),
    )  # fmt: skip
    feed = Feed(name="t", source="s", match="*", contract="t")
    assert render.receipt_bodies(made, feed, tmp_path).text == "True True"


def test_every_rule_that_a_cell_can_break_says_how_to_mend_it() -> None:
    keys = (("a",), ("a", "b"))
    rules = {Key(columns, policy).rule for columns in keys for policy in Duplicates}
    for path in (ROOT / "pipelines" / "cast").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "fault":
                rule = node.args[0]
                assert isinstance(rule, ast.Constant), f"{path.name}:{node.lineno}"
                rules.add(str(rule.value))
    assert {"scale", "window", "zone", "replaced"} <= rules
    assert rules - fixes.FIXES.keys() == set()


@pytest.mark.parametrize(
    ("rule", "column", "expected"),
    [
        ("type", Column(name="n", type=Type.INT64),
         "write Menge like this: a whole number, for example 125"),
        ("type", Column(name="n", type=Type.NUMERIC, scale=2),
         'write Menge like this: a number with at most 2 decimals, after ",", for example 12,50'),
        ("scale", Column(name="n", type=Type.NUMERIC, scale=3),
         'write Menge like this: a number with at most 3 decimals, after ",", for example 12,500'),
        ("type", Column(name="n", type=Type.DATE, formats=("%d.%m.%Y",)),
         "write Menge like this: a date, as DD.MM.YYYY, for example 31.12.2026"),
        ("type", Column(name="n", type=Type.BOOL), "write Menge like this: true or false"),
        ("length", Column(name="n", type=Type.STRING, max_length=10),
         "shorten Menge to at most 10 characters"),
        ("required", Column(name="n", type=Type.STRING), "fill in Menge in these rows"),
    ],
)  # fmt: skip
def test_a_fix_says_how_the_contract_wants_it_written(
    rule: str, column: Column, expected: str
) -> None:
    dialect = Dialect(numbers=Numbers(decimal=","))
    contract = Contract(name="t", version="1", table="t", columns=(column,))
    assert Fixes(dialect, contract, "en").fix(rule, "n", "Menge") == expected
    for language in LANGUAGES[1:]:
        said = Fixes(dialect, contract, language).fix(rule, "n", "Menge")
        assert "Menge" in said
        assert said != expected


def test_a_file_that_was_dropped_is_dropped_again(tmp_path: Path) -> None:
    for group, words in ((None, "put it where this file was put"), ("m1", "send it.")):
        made = file_of(Outcome.PARTLY)
        made = replace(made, item=replace(made.item, group=group))
        feed = Feed(name="t", source="s", match="*", contract="t")
        case = ReceiptInput(file=made, feed=feed, table="p.d.t", loaded_at=NOON)
        answer = answer_of(case, None, Dialect(), tmp_path, True)
        assert f"save it under a new name and {words}" in answer.text
        assert f"save it under a new name and {words}" in str(answer.html)


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_sentence_of_ours_is_translated(language: str) -> None:
    with (FOLDER / f"{language}.po").open("rb") as file:
        known = {message.id: message.string for message in read_po(file) if message.id}
    sentences = set()
    for template in (ROOT / "pipelines" / "acknowledge" / "templates").glob("*.j2"):
        sentences |= set(re.findall(r'say\w*\([^"()]*"([^"]+)"', template.read_text("utf-8")))
    sentences |= {*render.HEADLINES.values(), *fixes.FIXES.values()}
    sentences |= {*render.CORRECTED_BY.values(), *render.PASSED.values()}
    rules = {*fixes.FIXES, "correction"}
    rules |= {each.removeprefix("expect_").removeprefix("column_") for each in SENTENCES}
    sentences |= {rule_name(each) for each in rules}
    for name in ("detector", "match_columns"):
        tree = ast.parse((ROOT / "pipelines" / "drift" / f"{name}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in ("template", "hint"):
                sentences |= {
                    each.value for each in ast.walk(node.value)
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                    and " " in each.value
                }  # fmt: skip
    assert len(sentences) > 40
    assert {each for each in sentences if not known.get(each)} == set()


DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from([",", ";", "\t", "|", "||"]),
    quote=st.sampled_from(['"', "'"]),
    escape=st.sampled_from(["", "\\"]),
    line_end=st.sampled_from(["", "\r", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]),
    trailing_delimiter=st.booleans(),
    preamble=st.integers(0, 2),
    footer=st.integers(0, 2),
    header=st.integers(0, 2),
)
CELL = st.text(st.sampled_from("ab é;,|\t'\"\\=+-@1\n"), max_size=6)

ROW = st.lists(CELL, min_size=2, max_size=2).filter(lambda cells: any(map(str.strip, cells)))


@given(DIALECTS, st.lists(ROW, min_size=1, max_size=4))
@example(Dialect(quote="'"), [[" ", " '"]])
def test_rejects_come_back_cell_by_cell_in_any_dialect(
    tmp_path_factory: pytest.TempPathFactory, dialect: Dialect, rows: list[list[str]]
) -> None:
    from pipelines.rejects.correction import dialect_of
    from pipelines.rejects.csv_file import LineWriter
    from pipelines.rejects.escape import restored

    folder = tmp_path_factory.mktemp("rejects")
    line = LineWriter(dialect, "").line
    end = dialect.line_end or "\r\n"
    raws = [line(cells).removesuffix(end) for cells in rows]
    bad = rejects(folder, ["n", "m"], *(row(n, raw) for n, raw in enumerate(raws, 1)))
    write_rejected(bad, folder / "again.csv", dialect, lambda seen: None)
    read_by = dialect_of(folder / "again.csv", dialect)
    with parsed(folder / "again.csv", read_by, Limits(), folder) as found:
        table = pa.concat_tables([restored(chunk.cells) for chunk in found.chunks])
    assert found.names == ("n", "m", "_line", "_error", "_file")
    assert [[each["n"], each["m"]] for each in table.to_pylist()] == rows


def test_json_lines_go_back_as_csv(tmp_path: Path) -> None:
    dialect = Dialect(format=Format.JSONL, delimiter=";")
    bad = rejects(tmp_path, ["n", "m"], row(3, '{"m": 1.50, "n": "=x"}'), row(4, "{nope"))
    write_rejected(bad, tmp_path / "rejected.csv", dialect, lambda seen: None, "f1")
    assert (tmp_path / "rejected.csv").read_text("utf-8").splitlines() == [
        "n,m,_line,_error,_file",
        '\'=x,1.50,3,"n: ""x"" is wrong",f1',
        '{nope,,4,"n: ""x"" is wrong",f1',
    ]
    assert pq.read_metadata(tmp_path / "rejects.parquet").num_rows == 2


@pytest.mark.parametrize(
    ("language", "delimiter"), [("es", ";"), ("de", ";"), ("fr", ";"), ("pt", ";"), ("en", ",")]
)
def test_a_workbooks_rejects_open_in_a_spreadsheet_and_come_back(
    tmp_path: Path, language: str, delimiter: str
) -> None:
    from pipelines.rejects.correction import dialect_of

    dialect = Dialect(format=Format.EXCEL)
    bad = rejects(tmp_path, ["ñ", "m"], row(3, "Añ,1.50"))
    sent = tmp_path / "rejected.csv"
    write_rejected(bad, sent, dialect, lambda seen: None, "f1", language)
    head = delimiter.join(["ñ", "m", "_line", "_error", "_file"])
    assert sent.read_bytes().startswith(b"\xef\xbb\xbf" + head.encode())
    with parsed(sent, dialect_of(sent, dialect), Limits(), tmp_path) as found:
        (chunk,) = (each for each in found.chunks if each.cells.num_rows)
    assert found.names == ("ñ", "m", "_line", "_error", "_file")
    assert chunk.cells.column("ñ").to_pylist() == ["Añ"]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", "n\u00a0: la ligne a 1\u202f500 caractères"),
        ("cp1252", "n\u00a0: la ligne a 1 500 caractères"),
        ("cp850", "n\u00a0: la ligne a 1 500 caractères"),
        ("ascii", "n : la ligne a 1 500 caract?res"),
    ],
)
def test_french_spaces_are_written_in_the_files_own_encoding(
    tmp_path: Path, encoding: str, said: str
) -> None:
    template = "the line has {found:,} characters where its columns take {wanted:,}"
    message = translate(template, found=1500, wanted=2)
    problem = Problem(line=3, column="n", value="x", rule="columns", message=message)
    made = RejectedRow(
        line=3, raw="x,1", problems=(problem,), params=json.dumps([params_of(message)])
    )
    sent = tmp_path / "sent.csv"
    write_rejected(
        rejects(tmp_path, ["n", "m"], made), sent, Dialect(encoding=encoding), lambda seen: None,
        language="fr",
    )  # fmt: skip
    assert said in sent.read_text(encoding)


def came_back(folder: Path, content: bytes, encoding: str) -> list[str | None]:
    from pipelines.rejects.correction import dialect_of

    sent = folder / "again.csv"
    sent.write_bytes(content)
    with parsed(sent, dialect_of(sent, Dialect(encoding=encoding)), Limits(), folder) as found:
        return [cell for chunk in found.chunks for cell in chunk.cells.column("k").to_pylist()]


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("gbk", "\u4e00"), ("gbk", "\u8def"), ("gb18030", "\u8054\u901a"), ("big5", "\u77bc"),
        ("shift_jis", "\uff82\uff71"), ("euc-jp", "\u5c5e"), ("euc-kr", "\uc9f8"),
        ("cp874", "\u0e22\u0e01"), ("cp1252", "\u00e9"),
    ],
)  # fmt: skip
def test_words_whose_bytes_are_others_in_utf8_come_back(
    tmp_path: Path, encoding: str, word: str
) -> None:
    bad = rejects(tmp_path, ["k"], row(3, word))
    write_rejected(bad, tmp_path / "sent.csv", Dialect(encoding=encoding), lambda seen: None)
    sent = (tmp_path / "sent.csv").read_bytes()
    assert came_back(tmp_path, sent, encoding) == [word]
    marked = sent.decode(encoding).encode("utf-8-sig")
    assert came_back(tmp_path, marked, encoding) == [word], "a spreadsheet marks what it saves"


@pytest.mark.parametrize(
    ("encoding", "word"),
    [("gbk", "\u4e2d"), ("shift_jis", "\u65e5\u672c"), ("cp1252", "\u00e9"), ("utf-8", "\u00b7")],
)
def test_rejects_saved_in_utf8_come_back(tmp_path: Path, encoding: str, word: str) -> None:
    head = f"k,_line,_error,_file\n{'x' * 70_000},2,wrong,f1\n"
    for before in ("k,_line,_error,_file\n", head):
        assert came_back(tmp_path, f"{before}{word},3,wrong,f1\n".encode(), encoding)[-1] == word


def test_rejects_that_say_something_else_in_two_encodings_are_refused(tmp_path: Path) -> None:
    text = "k,_line,_error,_file\n\u65e5\u672c,3,wrong,f1\n\u00b1,4,wrong,f1\n"
    with pytest.raises(DataError, match="as shift_jis and as UTF-8"):
        came_back(tmp_path, text.encode(), "shift_jis")


def test_a_receipt_calls_columns_as_the_senders_header_does(tmp_path: Path) -> None:
    problem = Problem(
        line=2, column="quantity", value="x", rule="type", message="no", header="Qty (pcs)"
    )
    bad = RejectedRow(line=2, raw="x", problems=(problem,))
    file = file_of(Outcome.PARTLY)
    feed = Feed(name="t", source="s", match="*", contract="t")
    case = ReceiptInput(file=file, feed=feed, table="t", loaded_at=NOON)
    found = answer_of(case, rejects(tmp_path, ["Qty (pcs)"], bad), Dialect(), tmp_path, True)
    assert "write Qty (pcs) as the reason says" in found.text
    assert found.html is not None
    assert "quantity" not in found.text + found.html
    assert "Qty (pcs): no" in found.documents[-1].path.read_text("utf-8")
    told = json.loads((tmp_path / "receipt.json").read_bytes())
    Draft202012Validator(SCHEMA).validate(told)
    assert (told["rules"][0]["column"], told["rules"][0]["header"]) == ("quantity", "Qty (pcs)")
