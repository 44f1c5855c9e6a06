"""Detection: what a file is and how sure that is. It only ever proposes; a running feed uses what
its contract pins, and gets the evidence where a file disagrees."""

from pipelines.detect.compare import Disagreement, column_disagreements, disagreements, evidence
from pipelines.detect.file import detect
from pipelines.detect.found import Detected, Finding, FoundColumn

__all__ = [
    "Detected",
    "Disagreement",
    "Finding",
    "FoundColumn",
    "column_disagreements",
    "detect",
    "disagreements",
    "evidence",
]
