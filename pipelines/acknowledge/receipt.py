"""Receipts: what became of a file, as a record, as JSON and as text."""

from __future__ import annotations

import codecs
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from pipelines.acknowledge.addressee import addressee
from pipelines.acknowledge.fixes import Fixes
from pipelines.acknowledge.render import receipt_bodies
from pipelines.feed import Feed
from pipelines.rejects.csv_file import sent_dialect, write_rejected
from schemas.contract import Contract
from schemas.dialect import Dialect
from schemas.draft import Line
from schemas.drift import DriftStatus, Sighting
from schemas.file import File, Outcome
from schemas.language import render
from schemas.receipt import (
    Answer,
    CorrectedRows,
    Correction,
    Document,
    DriftNote,
    Example,
    Receipt,
    RuleChange,
    RuleSummary,
    TakenOut,
)
from schemas.receipt_link import ReceiptLink
from schemas.reject import RejectedRow


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptInput:
    """What an answer is made of: the file, its feed and table, when it was answered, and the
    drifts it shows. `examples` is how many of each broken rule are shown. `earlier` is what its
    sender was told about the file that this one may correct; `link` is where it is seen on the
    web. `corrected` says which files have brought rejected rows of it corrected, `done` which lines
    these were. `taken_out` says when its rows left the table. The `contract` says how values are
    written. `mark` stands in its documents' names before their suffixes. `spoken` is the language
    of who reads it, where that is not the sender."""

    file: File
    feed: Feed
    table: str
    loaded_at: datetime
    sightings: Sequence[Sighting] = ()
    examples: int = 5
    earlier: Receipt | None = None
    link: ReceiptLink | None = None
    corrected: tuple[CorrectedRows, ...] = ()
    done: Collection[Line] = ()
    taken_out: TakenOut | None = None
    contract: Contract | None = None
    mark: str = ""
    spoken: str | None = None

    @property
    def language(self) -> str:
        """The reader's language."""
        return self.spoken or self.feed.language_for(addressee(self.file))


def answer_of(
    case: ReceiptInput,
    rejects: BinaryIO | None,
    dialect: Dialect,
    folder: Path,
    last_of_group: bool,
    templates: Path | None = None,
) -> Answer:
    """The answer to a file's sender, its documents written into `folder`.

    `rejects` is the file's rejects Parquet, if it has any; it is read row batch by row batch. A
    folder of `templates` comes before our own.
    """
    documents = []
    summary = _Summary(case.examples, case.language, Fixes(dialect, case.contract, case.language))
    if rejects is not None:
        path = folder / "rejected.csv"
        file_id = case.file.file_id
        write_rejected(rejects, path, dialect, summary.add, file_id, case.language, done=case.done)
        documents.append(
            Document(
                suffix=f"{case.mark}.rejected.csv",
                content_type=f"text/csv; charset={_charset(dialect, case.language)}",
                path=path,
            )
        )
    receipt = receipt_of(case, summary.rules())
    bodies = receipt_bodies(receipt, case.feed, templates)
    (folder / "receipt.txt").write_text(bodies.text, encoding="utf-8")
    (folder / "receipt.json").write_bytes(json_of(receipt))
    documents[:0] = [
        Document(
            suffix=f"{case.mark}.receipt.json",
            content_type="application/json",
            path=folder / "receipt.json",
        ),
        Document(
            suffix=f"{case.mark}.receipt.txt",
            content_type="text/plain; charset=utf-8",
            path=folder / "receipt.txt",
        ),
    ]
    return Answer(
        receipt=receipt,
        text=bodies.text,
        html=bodies.html,
        documents=tuple(documents),
        last_of_group=last_of_group,
    )


def json_of(receipt: Receipt) -> bytes:
    """The receipt as a document."""
    text = json.dumps(to_json(receipt), default=_plain, ensure_ascii=False, indent=2)
    return f"{text}\n".encode("utf-8", "replace")


def to_json(receipt: Receipt) -> dict[str, Any]:
    """The receipt as JSON has it. `held` is the earlier name of `waiting`, and stays beside it."""
    plain = asdict(receipt)
    for each in (plain, *plain["drift"]):
        each["held"] = each["waiting"]
    return plain


def receipt_of(case: ReceiptInput, rules: tuple[RuleSummary, ...]) -> Receipt:
    """The receipt of a file whose outcome is known."""
    file = case.file
    assert file.outcome is not None
    loaded = file.outcome in (Outcome.ACCEPTED, Outcome.PARTLY)
    reason = render(file.reason or "", case.language)
    notes = tuple(
        DriftNote(
            drift_id=each.drift_id,
            kind=str(each.finding.kind),
            column=each.finding.column,
            message=each.finding.render(case.language),
            waiting=each.finding.held,
        )
        for each in case.sightings
        if each.finding.held or each.status is not DriftStatus.DISMISSED
    )
    return Receipt(
        file_id=file.file_id,
        feed=file.feed,
        table=case.table,
        name=file.item.name,
        key=file.item.key,
        outcome=file.outcome,
        counts=file.counts,
        sent_at=file.item.sent_at,
        loaded_at=case.loaded_at,
        batch_id=file.batch_id,
        reason=None if loaded or file.reason is None else reason,
        repeats=file.repeats,
        rules=rules,
        warnings=tuple(reason.splitlines()) if loaded and case.taken_out is None else (),
        drift=notes,
        waiting=file.outcome is Outcome.QUARANTINED and any(note.waiting for note in notes),
        language=case.language,
        correction=_correction(case, rules),
        accounted=file.accounted,
        corrects=file.corrects,
        link=case.link.url if case.link is not None else None,
        link_until=case.link.until if case.link is not None else None,
        rows_corrected=file.rows_corrected,
        corrected=case.corrected,
        taken_out=case.taken_out,
        by_mail=file.item.group is not None,
    )


def _correction(case: ReceiptInput, rules: tuple[RuleSummary, ...]) -> Correction | None:
    """What has changed since the file that this one corrects; None if it corrects none, or if none
    of its rows were read (the same bytes again, a missing column): nothing is known of them."""
    earlier, counts = case.earlier, case.file.counts
    if earlier is None or earlier.outcome not in (Outcome.PARTLY, Outcome.QUARANTINED):
        return None
    if not counts.read:
        return None
    if earlier.sent_at > case.file.item.sent_at:
        return None
    before = {(each.rule, each.column): each.count for each in earlier.rules}
    now = {(each.rule, each.column): each.count for each in rules}
    headers = {each.column: each.header for each in (*earlier.rules, *rules)}
    return Correction(
        file_id=earlier.file_id,
        name=earlier.name,
        sent_at=earlier.sent_at,
        outcome=earlier.outcome,
        rejected_before=earlier.counts.rejected,
        rejected_now=counts.rejected,
        rules=tuple(
            RuleChange(
                rule=rule,
                column=column,
                before=before.get((rule, column), 0),
                now=now.get((rule, column), 0),
                header=headers[column],
            )
            for rule, column in dict.fromkeys([*before, *now])
        ),
    )


def _charset(dialect: Dialect, language: str) -> str:
    """The name by which mail and the web know the encoding of a file of rejected rows."""
    name = codecs.lookup(sent_dialect(dialect, language).encoding).name
    return name.removesuffix("-sig").replace("cp125", "windows-125")


class _Summary:
    """Counts broken rules and keeps the first examples of each."""

    def __init__(self, examples: int, language: str, fixes: Fixes) -> None:
        self._most, self._language, self._fixes = examples, language, fixes
        self._counts: Counter[tuple[str, str | None]] = Counter()
        self._headers: dict[str | None, str | None] = {}
        self._examples: dict[tuple[str, str | None], list[Example]] = defaultdict(list)

    def add(self, row: RejectedRow) -> None:
        """Count a row's problems."""
        for number, problem in enumerate(row.problems):
            group = (problem.rule, problem.column)
            self._counts[group] += 1
            self._headers[problem.column] = problem.header
            if len(self._examples[group]) < self._most:
                example = Example(
                    line=problem.line,
                    column=problem.column,
                    value=problem.value,
                    message=row.render(self._language)[number],
                    member=row.member,
                    header=problem.header,
                )
                self._examples[group].append(example)

    def rules(self) -> tuple[RuleSummary, ...]:
        """The rules, the most broken first."""
        return tuple(
            RuleSummary(
                rule=rule,
                column=column,
                count=count,
                examples=tuple(self._examples[rule, column]),
                fix=self._fixes.fix(rule, column, self._headers[column]),
                header=self._headers[column],
            )
            for (rule, column), count in self._counts.most_common()
        )


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
