"""Detection: what a file is and how sure that is. It only ever proposes; a running feed uses what
its contract pins."""

from pipelines.detect.file import detect
from pipelines.detect.found import Detected, Finding, FoundColumn

__all__ = ["Detected", "Finding", "FoundColumn", "detect"]
