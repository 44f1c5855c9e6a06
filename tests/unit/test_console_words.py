"""Words of the console for what is kept in English, or as a machine's word."""

from __future__ import annotations

import pytest

from entrypoints.web.console import language
from entrypoints.web.console.event_words import note_of
from entrypoints.web.console.work_words import work_name, work_state
from schemas.operation import OperationKind, OperationState

NOTES = {
    "batch 1a2b of 1 files": "lote 1a2b: 1 archivo",
    "batch 1a2b of 1,200 files, 3 rows replaced, 1 rows brought back": (
        "lote 1a2b: 1.200 archivos, 3 filas sustituidas, 1 fila recuperada"
    ),
    "receipt mailed to ana@acorn.example": "recibo enviado por correo a ana@acorn.example",
    "receipt mailed to a@b.example before": "recibo ya enviado antes por correo a a@b.example",
    "receipt left at the source": "recibo dejado junto al archivo",
    "by 0123456789abcdef": "por 0123456789abcdef",
    "something else": "something else",
}


def test_notes_of_a_timeline_are_said_in_the_readers_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(language, "get_language", lambda: "es")
    assert {note: str(note_of(note)) for note in NOTES} == NOTES
    assert note_of(None) == ""


def test_long_work_has_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for spoken in ("en", "es", "de", "fr", "pt"):
        monkeypatch.setattr(language, "get_language", lambda spoken=spoken: spoken)
        words = [work_name(each) for each in OperationKind]
        words += [work_state(each) for each in OperationState]
        assert len(set(words)) == len(words)
        assert not any("_" in each for each in words)
