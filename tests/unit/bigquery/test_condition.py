"""Conditions of `explain --where`: made of what is listed, and of nothing else."""

from __future__ import annotations

import pytest

from connectors.bigquery.condition import ALLOWED, condition
from schemas.errors import DataError


@pytest.mark.parametrize(
    "where",
    [
        "id = 'a'",
        "t.id IN ('a', 'b') AND NOT amount BETWEEN 1 AND 9 OR id IS NULL",
        "LOWER(id) LIKE 'x%' AND LENGTH(TRIM(id)) > 3",
        "day >= DATE_SUB(CURRENT_DATE(), INTERVAL 3 DAY)",
        "TIMESTAMP_TRUNC(at, HOUR) = TIMESTAMP '2026-01-01 00:00:00'",
        "DATE(at, 'UTC') = DATE '2026-01-01' AND EXTRACT(YEAR FROM at) = 2026",
        "SAFE_CAST(id AS INT64) IS NOT NULL AND CAST(a AS NUMERIC(10, 2)) > 1",
        "JSON_VALUE(body, '$.a[0].b') = 'x' OR ARRAY_LENGTH(list) = 2",
        "'x' IN UNNEST(list) AND a[OFFSET(0)] = 1 AND part.of.a.deep.one = 1",
        "CASE WHEN a THEN TRUE ELSE b END AND IF(a, b, c) AND COALESCE(a, b) IS TRUE",
        "REGEXP_CONTAINS(id, r'^x+$') AND SAFE.SUBSTR(id, 1) = 'x'",
        "`month` = 1",
    ],
)
def test_honest_conditions_pass(where: str) -> None:
    assert condition(condition(where)) == condition(where)


@pytest.mark.parametrize(
    "where",
    [
        "AI.GENERATE('x') = 'y'",
        "AI.IF(('is it rude? ', id))",
        "ML.GENERATE_TEXT('x') = 'y'",
        "id = (SELECT MAX(id) FROM other)",
        "id IN (SELECT id FROM other)",
        "EXISTS(SELECT 1 FROM other)",
        "ARRAY_LENGTH(ARRAY(SELECT 1 FROM other)) > 0",
        "EXTERNAL_QUERY('c', 's') = 1",
        "project.dataset.remote(id)",
        "dataset.remote(id)",
        "dataset.lower(id) = 'x'",
        "`project.dataset.remote`(id)",
        "`project`.dataset.upper(id) = 'x'",
        "remote(id)",
        "KEYS.KEYSET_LENGTH(id) = 1",
        "AEAD.DECRYPT_STRING(id, id, id) = 'x'",
        "DETERMINISTIC_DECRYPT_STRING(id, id, id) = 'x'",
        "SESSION_USER() = 'x'",
        "ERROR('x')",
        "RAND() < 0.5",
        "ARRAY_LENGTH(GENERATE_ARRAY(1, 1000000000)) > 1",
        "id = REPEAT('x', 1000000000)",
        "@most = 1",
        "@@session_id = 'x'",
        "COUNT(*) > 1",
        "SUM(n) OVER () > 1",
        "SELECT 1",
        "id = 'a'; SELECT 1",
        "DROP TABLE other",
        "",
        "-- nothing",
        "id = ",
    ],
)
def test_what_calls_out_costs_or_reads_elsewhere_is_refused(where: str) -> None:
    with pytest.raises(DataError):
        condition(where)


@pytest.mark.parametrize(
    "where",
    [
        "(" * 500 + "1 = 1" + ")" * 500,
        "NOT " * 1_500 + "a",
        "LOWER(" * 500 + "a" + ")" * 500,
        "[" * 500 + "]" * 500,
        "a." * 1_500 + "a",
        "CASE WHEN " * 500,
        "a AND " * 10_000 + "a",
        "-" * 5_000,
    ],
)
def test_what_nests_too_deeply_is_an_error_like_any(where: str) -> None:
    with pytest.raises(DataError):
        condition(where)


def test_all_that_is_allowed_is_known() -> None:
    from sqlglot import exp

    assert [name for name in sorted(ALLOWED) if not hasattr(exp, name)] == []
