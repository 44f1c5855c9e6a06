"""Late jobs: a script that was begun long ago and goes on now.

What it asked when it was begun, it knows from then: the answers stand in it as constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from strict_bigquery import zeta
from strict_bigquery.refusal import Refusal
from strict_bigquery.script import take_apart

_LITERALS: Mapping[str, Callable[[str], str]] = {
    "BOOLEAN": str.upper,
    "INTEGER": str,
    "TIMESTAMP": lambda micros: f"TIMESTAMP_MICROS({int(float(micros) * 1_000_000)})",
}


def begun(sql: str, ask: Callable[[str], tuple[str, str | None] | None]) -> str:
    """The script with the values of its variables as they are now; `ask` answers a query with a
    type and a value, or None if it cannot."""
    try:
        script = take_apart(sql, zeta.parse(sql))
    except Refusal:
        return sql
    text = sql.encode()
    for statement in sorted(script.statements, key=lambda each: each.span, reverse=True):
        if not statement.is_asked_once or (answer := ask(statement.text)) is None:
            continue
        kind, value = answer
        if kind in _LITERALS:
            literal = "NULL" if value is None else _LITERALS[kind](value)
            start, end = statement.span
            text = text[:start] + literal.encode() + text[end:]
    return text.decode()
