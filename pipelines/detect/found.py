"""What detection found: findings with their confidence, and the columns of a file."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.contract import Type
from schemas.dialect import Booleans, Dialect, Numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing seen in a file: what it is about, what was found, how sure that is (0 to 1), and
    the evidence in words."""

    what: str
    value: str
    confidence: float
    evidence: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundColumn:
    """One column as the sample shows it.

    `header` is the cell as it stands in the file, `name` a name BigQuery takes. `seen` counts the
    cells looked at, `empty` those that are empty or a null word. `evidence` is a sentence for the
    contract's comment. `distinct` is true if no value came twice.
    `own_nulls` are the words for nothing that the contract needs to say of this column alone.
    `first` and `last` are the first and last day of dates, `days` how many there are.
    """

    name: str
    header: str
    type: Type
    seen: int
    empty: int
    confidence: float
    evidence: str
    distinct: bool = False
    formats: tuple[str, ...] = ()
    locale: str = "en"
    ambiguous: bool = False
    pivot: int | None = None
    numbers: Numbers | None = None
    booleans: Booleans | None = None
    scale: int | None = None
    nulls: tuple[str, ...] = ()
    own_nulls: tuple[str, ...] | None = None
    first: str = ""
    last: str = ""
    days: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Detected:
    """Everything that was found in one file.

    `rows` is how many data rows were looked at; `complete` says that they are all there are.
    `columns` is empty when the file holds nothing to tell columns from. `ascii` says that no byte
    was beyond ASCII, so that most encodings read the same.
    """

    dialect: Dialect
    findings: tuple[Finding, ...]
    columns: tuple[FoundColumn, ...]
    header: tuple[str, ...]
    rows: int
    complete: bool
    ascii: bool = False
