"""Errors, grouped by what happens next. The type alone decides; nobody reads the message to choose.

A subclass's docstring is its default message. `hint` says what a person should do about it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

from schemas.accounted import Accounted
from schemas.language import WITH_HINT, Sentence, translate


class WaybillError(Exception):
    """Waybill could not go on.

    With values, message and hint are templates of them, so that a sender can be told in another
    language.
    """

    def __init__(
        self, message: str | None = None, *, hint: str | None = None, **values: object
    ) -> None:
        self._template = message or inspect.cleandoc(type(self).__doc__ or "")
        self._hint, self._values = hint, values
        super().__init__(translate(self._template, **values))

    @property
    def values(self) -> Mapping[str, object]:
        """What the sentence is about, by name."""
        return self._values

    @property
    def message(self) -> str:
        """The sentence a person reads, without the hint."""
        message: str = self.args[0]
        return message

    @property
    def hint(self) -> str | None:
        """What a person should do about it."""
        return self._hint and translate(self._hint, **self._values)

    def render(self, language: str = "en") -> Sentence:
        """Sentence and hint in a language, the hint in brackets."""
        sentence = translate(self._template, language, **self._values)
        if not self._hint:
            return sentence
        hint = translate(self._hint, language, **self._values)
        return translate(WITH_HINT, language, sentence=sentence, hint=hint)


def in_one[E: WaybillError](errors: Sequence[E]) -> E:
    """One error that says what all of them do; there must be one at least."""
    if len(errors) == 1:
        return errors[0]
    told = [f"{each.message} ({each.hint})" if each.hint else each.message for each in errors]
    return type(errors[0])("\n".join(told), hint="correct each of them")


class RetryableError(WaybillError):
    """A part outside Waybill did not answer; the same step is tried again after a pause."""


class AwayError(RetryableError):
    """A source or a mail server is away, or lets nobody in just now; it may be so for days.

    `wait` is for how many seconds the service itself asks us to stay away.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        wait: float | None = None,
        **values: object,
    ) -> None:
        super().__init__(message, hint=hint, **values)
        self.wait = wait


class ThrottledError(AwayError):
    """A service asked us to slow down; the next try waits minutes rather than seconds."""


class BusyError(RetryableError):
    """Somebody else holds what is needed; to wait for it is no try, however long it takes."""


class FeedGoneError(BusyError, KeyError):
    """There is no feed of that name here (any more); its files wait for it, which is no try."""


class ItemDeniedError(RetryableError):
    """One item may not be read, while its source lets us in; alone it fails if that stays so."""


class AttemptSpentError(RetryableError):
    """The load job of this attempt has failed for good; the next try needs a new attempt number."""


class ItemChangedError(RetryableError):
    """The item was overwritten or removed while it was being read."""


class DataError(WaybillError):
    """The file cannot be loaded as it is: it is quarantined and its sender told."""

    accounted: Accounted | None = None
    """What became of the file's lines, where it was given up while they were read."""


class EncryptedError(DataError):
    """the attachment is encrypted, and we have no key to it"""


class FatalError(WaybillError):
    """Something a person must fix: the feed stops and ops are alerted."""


class TableDiffersError(FatalError):
    """A table is not there, or not as its contract says."""


class ConfigError(FatalError):
    """The configuration is wrong."""


class ContractError(FatalError):
    """A data contract is wrong."""


class AccessDeniedError(FatalError):
    """A service refused our credentials or our permissions."""


class TransformError(FatalError):
    """A feed's transform failed or returned something that is not its rows."""


class NotFoundError(WaybillError):
    """There is nothing of that name."""


class ConflictError(WaybillError):
    """It cannot be done as things are now."""


class RefusedError(WaybillError):
    """What was asked for or sent cannot be taken as it is; nothing of it is kept."""


class TooLargeError(RefusedError):
    """What was sent is larger than it may be."""


class LeaseLostError(WaybillError):
    """Another worker has taken this work over; this one stops and leaves everything as it is."""
