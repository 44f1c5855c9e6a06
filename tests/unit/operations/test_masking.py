"""Masking: of what is said of hidden values only our own words are left."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from pipelines.operations.drift_samples import samples_result
from pipelines.operations.masking import HIDDEN, Mask
from schemas.contract import Column, Contract, TimePartition, Type
from schemas.file import File, Status
from schemas.item import Item
from schemas.language import LANGUAGES, joined, render, translate
from schemas.reject import Problem

SECRET = "DE44500105175407324931"
CONTRACT = Contract(
    name="c", version="1", table="c",
    columns=(
        Column(name="id", type=Type.STRING, classification="Public "),
        Column(name="iban", type=Type.STRING, classification="confidential"),
        Column(name="day", type=Type.DATE, classification="internal"),
    ),
    partition=TimePartition(column="day"),
)  # fmt: skip
MASK = Mask(CONTRACT, sees_all=False)
KNOWN = "the header names {column} more than once: {cells}"


def problem(column: str | None, value: str) -> Problem:
    return Problem(line=2, column=column, value=value, rule="type", message="")


def test_only_our_own_words_are_left_of_a_sentence() -> None:
    said = translate(KNOWN, column="iban", cells=SECRET)
    assert MASK.sentence(said) == f"the header names iban more than once: {HIDDEN}"
    assert MASK.sentence(joined("; ", [said, SECRET])) == f"{MASK.sentence(said)}; {HIDDEN}"
    for text in (
        SECRET,
        translate(f"{SECRET} is odd"),
        translate(f"{SECRET} is {{column}}", column="iban"),
        translate(KNOWN + "!", column="iban", cells=SECRET),
    ):
        assert MASK.sentence(text) == HIDDEN
    assert MASK.sentence(None) is None


def test_what_is_left_of_a_sentence_is_said_in_each_language() -> None:
    said = MASK.sentence(joined("; ", [translate(KNOWN, column="iban", cells=SECRET), SECRET]))
    assert said is not None
    spanish = render(said, "es")
    assert spanish == render(translate(KNOWN, column="iban", cells=HIDDEN), "es") + f"; {HIDDEN}"
    assert spanish != said
    template = "{value} is not a whole number such as {example}"
    shown = MASK.problem(problem("iban", SECRET), translate(template, value=SECRET, example="1"))
    assert SECRET not in str(shown)
    spoken = {render(shown.message, language) for language in LANGUAGES}
    assert len(spoken) == len(LANGUAGES)
    assert not any(SECRET in each for each in spoken)


def test_a_steward_and_a_public_contract_hide_nothing() -> None:
    public = replace(CONTRACT, columns=(Column(name="id", type=Type.STRING),))
    for mask in (Mask(CONTRACT, sees_all=True), Mask(public, sees_all=False)):
        assert mask.sentence(SECRET) == SECRET
        assert mask.problem(problem("iban", SECRET), SECRET).value == SECRET


def test_a_contract_that_nobody_knows_hides_everything() -> None:
    unknown = Mask(None, sees_all=False)
    assert unknown.sentence(translate(KNOWN, column="id", cells="x")) == (
        f"the header names {HIDDEN} more than once: {HIDDEN}"
    )
    assert unknown.problem(problem("id", "x"), "x").value == HIDDEN


def test_a_value_is_shown_in_its_own_public_column_only() -> None:
    said = translate(KNOWN, column="id", cells='"x7"')
    assert "x7" in MASK.problem(problem("id", "x7"), said).message
    for column in ("iban", None, "unknown"):
        hidden = MASK.problem(problem(column, "x7"), said)
        assert (hidden.value, "x7" in hidden.message) == (HIDDEN, False)


def test_partitions_of_a_hidden_column_are_hidden() -> None:
    item = Item(key="a", version="1", name="a", sent_at=datetime(2026, 11, 3, tzinfo=UTC))
    file = File(
        file_id="f", feed="c", source="s", item=item, status=Status.DONE,
        partitions=("2026-11-03",),
    )  # fmt: skip
    assert MASK.file(file).partitions == (HIDDEN,)


def test_a_headers_word_is_shown_where_it_is_one_of_the_contracts_names() -> None:
    """A header may be anything, also a row of values: only what the contract knows is said."""
    named = replace(
        CONTRACT,
        columns=(
            Column(name="id", type=Type.STRING, classification="public", headers=("Order No.",)),
            Column(name="iban", type=Type.STRING, classification="secret", headers=("Konto",)),
        ),
        partition=None,
    )
    mask = Mask(named, sees_all=False)
    template = "{column} is empty and must not be"
    for header, shown in (("order no", "order no"), (SECRET, None)):
        told = replace(problem("id", ""), header=header)
        found = mask.problem(told, translate(template, column=header))
        assert found.header == shown
        assert found.message == f"{shown or HIDDEN} is empty and must not be"
    said = translate("the number of rows without {column} must be {range}", column="KONTO", range=3)
    assert mask.sentence(said) == f"the number of rows without KONTO must be {HIDDEN}"


def test_a_number_is_shown_only_if_no_column_that_may_be_meant_is_hidden() -> None:
    """Two columns may be spelled alike but for signs, and a label may be none of the contract's."""
    alike = replace(
        CONTRACT,
        columns=(
            Column(name="pay", type=Type.INT64, classification="secret"),
            Column(name="p_ay", type=Type.INT64, classification="public"),
        ),
        partition=None,
    )
    mask = Mask(alike, sees_all=False)
    template = "the number of rows without {column} must be {range}"
    for column in ("pay", " PAY", "p-ay", "p_ay, pay", "P" + "x" * 200):
        said = mask.sentence(translate(template, column=column, range=3))
        assert "3" not in str(said), column
    said = translate(template, column="p_ay", range=3)
    assert mask.sentence(said) == said
    rows = "the file touches {count:,} partitions, more than {most:,}"
    assert mask.sentence(translate(rows, count=4, most=3)) == (
        "the file touches 4 partitions, more than 3"
    )


def test_samples_under_a_header_that_is_only_guessed_are_hidden() -> None:
    cells = [{"line": 2, "raw": SECRET, "before": None, "after": SECRET}]
    guessed = {"column": "id", "header": "Account", "cells": cells}
    hidden = samples_result(guessed, MASK)
    assert SECRET not in str(hidden)
    assert hidden["cells"][0] == {"line": 2, "raw": HIDDEN, "before": None, "after": HIDDEN}
    # A steward sees them; so does everybody once the contract knows the header, or hides nothing.
    accepted = replace(CONTRACT.columns[0], headers=("Account",))
    known = replace(CONTRACT, columns=(accepted, *CONTRACT.columns[1:]))
    public = replace(CONTRACT, columns=CONTRACT.columns[:1], partition=None)
    for mask in (Mask(CONTRACT, True), Mask(known, False), Mask(public, False)):
        assert samples_result(guessed, mask) == guessed
    assert samples_result({**guessed, "header": ""}, MASK)["cells"] == cells
