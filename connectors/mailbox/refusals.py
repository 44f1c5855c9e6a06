"""Refusals of IMAP servers: which are for good, which pass, and how long they ask us to wait.

https://www.rfc-editor.org/rfc/rfc5530#section-3 has the codes. What has none is taken to pass: a
person hears of it by an alert, and nobody has to say `resume` when it does.
"""

from __future__ import annotations

import re

from schemas.errors import AwayError, ThrottledError

_FINAL = re.compile(
    r"\[(AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED|PRIVACYREQUIRED|CONTACTADMIN)\]",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"\[(UNAVAILABLE|LIMIT|INUSE|SERVERBUG|OVERQUOTA|THROTTLED)\]"
    r"|too many|throttl|temporar|tempfail|unavailable|overquota|over quota|bandwidth|try again"
    r"|later|busy|exceeded|timed? ?out|not connected|web browser|server error|internal error",
    re.IGNORECASE,
)
_THROTTLED = re.compile(
    r"throttl|back ?off|too many|rate limit|\[LIMIT\]|bandwidth|overquota", re.IGNORECASE
)
_WAIT = re.compile(
    r"(?:back ?off|wait|retry|again|suggested)[^0-9]{0,40}([0-9]{1,9})\s*"
    r"(m(?:illi)?s\w*|min\w*|h\w*)?",
    re.IGNORECASE,
)
_LONGEST_WAIT = 86_400.0
_UNSAID_WAIT = 900.0


def is_final(text: str) -> bool:
    """Whether a refused login stays refused until a person does something."""
    return _FINAL.search(text) is not None and _PASSING.search(text) is None


def is_throttled(text: str) -> bool:
    """Whether a server asks us to slow down."""
    return _THROTTLED.search(text[:2000]) is not None


def wait_of(text: str) -> float | None:
    """For how many seconds a server asks us to stay away; None if it does not say."""
    found = _WAIT.search(text[:2000])
    if found is None:
        return None
    unit = (found[2] or "").lower()
    if unit.startswith("min"):
        seconds = float(found[1]) * 60
    elif unit.startswith("m"):
        seconds = float(found[1]) / 1000
    else:
        seconds = float(found[1]) * (3600 if unit.startswith("h") else 1)
    return min(seconds, _LONGEST_WAIT)


def away(message: str, text: str, *, hint: str | None = None, patient: bool = False) -> AwayError:
    """That a server is away or wants to be left alone; `patient` waits long where it says nothing,
    as after a refused login, which may lock an account."""
    wait = wait_of(text) or (_UNSAID_WAIT if patient else None)
    kind = ThrottledError if is_throttled(text) else AwayError
    return kind(message, hint=hint, wait=wait)
