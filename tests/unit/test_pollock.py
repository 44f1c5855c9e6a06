"""Pollock's scoring, by hand-made cases; the benchmark's files need not be there."""

import pytest

from bench.pollock_score import normal, score, weighted

CLEAN = [["id", "price"], ["a", "1.50"], ["b", "2"]]


def test_a_file_read_as_it_should_be_scores_ten_and_an_error_nothing() -> None:
    assert score(CLEAN, CLEAN) == 10
    assert score(CLEAN, None) == 0
    assert score([], [["anything"]]) == 10
    assert score(CLEAN, []) == 1


def test_a_lost_row_costs_precision_and_a_row_too_many_recall() -> None:
    # Header 3; records and cells: precision 1/2, recall 1, F1 2/3 each.
    assert score(CLEAN, CLEAN[:2]) == pytest.approx(1 + 3 + 2 * (0.5 + 1 + 2 / 3))
    # Header 3; records and cells: precision 1, recall 2/3, F1 4/5 each.
    assert score(CLEAN, [*CLEAN, ["c", "3"]]) == pytest.approx(1 + 3 + 2 * (1 + 2 / 3 + 0.8))


def test_records_compare_by_value_and_cells_as_they_stand() -> None:
    assert normal("$1.50") == normal("1.5")
    assert normal("TRUE") == normal("1")
    assert normal("03/11/2026") == normal("2026-11-03")
    # Three of four cells are as they should be; every record is.
    assert score(CLEAN, [CLEAN[0], ["a", "1.5"], CLEAN[2]]) == pytest.approx(1 + 6 + 3 * 0.75)


def test_the_weighted_score_counts_known_kinds_only() -> None:
    assert weighted({"x": 10, "y": 4, "new": 0}, {"x": 3, "y": 1}) == 8.5
