"""Sentences are kept as template and values, and said in whatever language they are shown in."""

import copy
import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines import Feed
from pipelines.prepare.stage_file import Terms, stage_file
from pipelines.rejects.csv_file import write_rejected
from pipelines.rejects.messages import sentence, telling
from pipelines.rejects.table import read_rejects
from schemas.contract import Column, Contract, Expectation, Type
from schemas.errors import DataError
from schemas.language import LANGUAGES, Sentence, joined, kept, params_of, render, translate
from schemas.limits import Limits

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CONTRACT = Contract(
    name="t",
    version="1",
    table="t",
    columns=(
        Column(name="id", type=Type.STRING, required=True, unique=True),
        Column(name="day", type=Type.DATE),
        Column(name="n", type=Type.INT64),
        Column(name="kind", type=Type.STRING, max_length=4),
    ),
    expectations=(
        Expectation(
            type="expect_column_values_to_be_between",
            kwargs={"column": "n", "min_value": 1, "max_value": 1000, "strict_max": True},
        ),
        Expectation(
            type="expect_column_values_to_be_in_set",
            kwargs={"column": "kind", "value_set": ["a{x}", 'b"', "é", "c"]},
        ),
        Expectation(
            type="expect_column_values_to_not_be_in_set",
            kwargs={"column": "kind", "value_set": ["c"]},
            description="c is for cancelled: {value}",
        ),
    ),
    reject_threshold=1.0,
)
TEXT = """id,day,n,kind
a,2026-11-01,5000,a{x}
,2026-02-30,0,{value}
b,2026-11-01
a,x\\"y,7,ü😀
b,2026-11-01,2,c
k,2026-11-01,2,é
k,2026-11-01,2,é
c,2026-11-01,2,toolong
d,2026-11-01,3,"e
"""


def staged(folder: Path) -> Path:
    raw = folder / "raw.csv"
    raw.write_text(TEXT, encoding="utf-8")
    feed = Feed(name="t", source="s", match="*", contract="t", language="es")
    return stage_file(raw, Terms.of("f1", feed, CONTRACT, Limits(), NOW), folder).rejects


def test_rejected_rows_are_kept_in_english_and_said_in_every_language(tmp_path: Path) -> None:
    rows = list(read_rejects(staged(tmp_path)).rows)
    assert {each.rule for row in rows for each in row.problems} >= {
        "columns", "length", "required", "type", "unreadable", "values_to_be_between",
        "values_to_be_in_set", "values_to_be_unique", "values_to_not_be_in_set",
    }  # fmt: skip
    for row in rows:
        params = json.loads(row.params or "")
        for each, fields in zip(row.problems, params, strict=True):
            # What is kept says the very sentence that stands beside it.
            sentence = kept("", fields)
            assert isinstance(sentence, Sentence)
            assert sentence.template is not None
            assert translate(sentence.template, **sentence.values) == each.message
        for language in set(LANGUAGES) - {"en"}:
            told = zip(row.render(language), row.problems, strict=True)
            # A contract's own description is in the words of who wrote it.
            same = {two.rule for one, two in told if one == two.message}
            assert same <= {"values_to_not_be_in_set"}


def test_a_range_and_a_list_are_said_as_the_language_writes_them() -> None:
    between, among, described = CONTRACT.expectations
    told = sentence(between, '"5"')
    assert told == '"5" must be at least 1 and less than 1,000'
    assert render(told, "de") == '"5" muss so sein: mindestens 1 und kleiner als 1.000'
    among = replace(among, kwargs={"column": "kind", "value_set": ["a{x}", 1234.5]})
    assert render(sentence(among, "x"), "de").endswith(": a{x}, 1.234,5")
    assert telling(between).text('"5"') == told
    assert sentence(described) == "c is for cancelled: {value}"
    assert render(sentence(described, "c"), "de") == "c: c is for cancelled: {value}"


def test_rows_that_were_staged_with_sentences_alone_are_shown_as_they_were(tmp_path: Path) -> None:
    path, old = staged(tmp_path), tmp_path / "old.parquet"
    pq.write_table(pq.read_table(path).drop_columns("params"), old)
    for new, earlier in zip(read_rejects(path).rows, read_rejects(old).rows, strict=True):
        assert earlier == replace(new, params=None)
        assert earlier.render("es") == tuple(each.message for each in new.problems)


def test_a_rejects_file_is_in_the_language_of_whom_it_is_for(tmp_path: Path) -> None:
    path, told = staged(tmp_path), {}
    for language in LANGUAGES:
        with path.open("rb") as kept_rows:
            out = tmp_path / f"{language}.csv"
            write_rejected(kept_rows, out, CONTRACT.dialect, lambda row: None, "f1", language)
        told[language] = out.read_text("utf-8")
    assert "id: id is empty and must not be" in told["en"]
    assert "id: id ist leer und darf es nicht sein" in told["de"]
    assert "id: id está vacío y no debe estarlo" in told["es"]


SENTENCES = [
    translate("the file is empty"),
    translate("{count:,} rows", count=12345),
    translate("{value}: {rule}", value="{x} \ud800", rule=translate("must {x}", x=Decimal("1.50"))),
    joined("; ", [translate("it is too large"), "as it is"]),
    DataError(
        "{name} is larger than {most:,} bytes", hint="split it", name="a", most=9999
    ).render(),
]


@pytest.mark.parametrize("told", SENTENCES)
def test_a_sentence_comes_back_as_it_went_into_json(told: Sentence) -> None:
    back = kept(str(told), json.loads(json.dumps(params_of(told))))
    for language in LANGUAGES:
        assert render(back, language) == render(told, language)
    assert copy.deepcopy(told) == told == pickle.loads(pickle.dumps(told))
    assert params_of(copy.deepcopy(told)) == params_of(told)


def test_what_is_no_sentence_of_ours_stays_as_it_is() -> None:
    assert render("free words", "de") == "free words"
    assert params_of("free words") is None
    assert kept("free words", None) == "free words"
    # Values that do not fit the catalogue's template any more.
    assert (
        render(kept("12 rows", {"template": "{count:,} rows", "values": {"n": 1}}), "de")
        == "12 rows"
    )
    odd = {
        "template": "{value}: {rule}",
        "values": {"value": {"template": "{x}", "values": {"y": 1}}},
    }
    assert render(kept("a: b", odd), "de") == "a: b"
