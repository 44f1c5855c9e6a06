"""Line ends: what the lines of a text end with."""

from __future__ import annotations

from pipelines.detect.found import Finding


def lines_of(text: str, line_end: str) -> list[str]:
    """The lines of a text, without their ends."""
    if line_end == "\r":
        lines = text.split("\r")
    else:
        lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines and not lines[-1] else lines


def find_line_end(text: str) -> tuple[str, Finding]:
    """CR if that is how lines end, else empty: LF and CRLF are read as they come."""
    both = text.count("\r\n")
    alone = text.count("\n") - both
    cr = text.count("\r") - both
    counts = {"CRLF": both, "LF": alone, "CR": cr}
    # A lone CR inside an LF file is a line break within a cell.
    end = "\r" if cr > 10 * (both + alone) or (cr and not both + alone) else ""
    name = "CR" if end else ("CRLF" if both > alone else "LF")
    total = sum(counts.values())
    said = ", ".join(f"{count:,} {each}" for each, count in counts.items() if count)
    sure = counts[name] / total if total else 0.5
    evidence = said or "the text is one line"
    return end, Finding(what="line ends", value=name, confidence=round(sure, 2), evidence=evidence)
