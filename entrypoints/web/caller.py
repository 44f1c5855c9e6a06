"""The caller: whoever asks, a program by its key or a person by their groups, and what they may see
and do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from entrypoints.web.context import WebContext
from pipelines.operations.drift_decisions import drift_named
from pipelines.operations.masking import Mask
from pipelines.runtime import Runtime
from schemas.alert import Alert
from schemas.drift import Drift
from schemas.errors import ConflictError, NotFoundError
from schemas.file import File
from schemas.key import Role
from schemas.operation import Operation

_ALL = "*"


class NotThereError(NotFoundError):
    """What is not there, or is another's: nobody learns which."""

    def __init__(self) -> None:
        super().__init__("there is nothing here, or nothing that you may see")


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, for the feeds that its globs name."""

    role: Role
    feeds: tuple[str, ...]

    @property
    def is_for_all(self) -> bool:
        """Whether it is for every feed, also those to come."""
        return _ALL in self.feeds

    def covers(self, feed: str | None) -> bool:
        """Whether it is for that feed; what is of no feed needs a grant for all of them."""
        if self.is_for_all:
            return True
        return feed is not None and any(fnmatchcase(feed, glob) for glob in self.feeds)


@dataclass(frozen=True, slots=True)
class Caller:
    """Grants, and the runtime in whose holder's name it acts. What raises NotThereError does so
    for what the holder may not see, as well."""

    grants: tuple[Grant, ...]
    context: WebContext
    runtime: Runtime

    @property
    def sees_all(self) -> bool:
        """Whether they see every feed, also those to come."""
        return any(grant.is_for_all for grant in self.grants)

    @property
    def feeds(self) -> list[str]:
        """The feeds that they see."""
        return [name for name in self.runtime.feeds if self.sees(name)]

    @property
    def only_feeds(self) -> list[str] | None:
        """The same, or None if it need not be asked for each."""
        return None if self.sees_all else self.feeds

    def sees(self, feed: str | None) -> bool:
        """Whether they see that feed; what is of no feed only who sees all of them."""
        return any(grant.covers(feed) for grant in self.grants)

    def may(self, role: Role, feed: str | None) -> bool:
        """Whether they may do what needs that role, about that feed (None: about no feed)."""
        return any(grant.covers(feed) and grant.role.may(role) for grant in self.grants)

    def may_somewhere(self, role: Role) -> bool:
        """Whether they may do what needs that role about any feed at all."""
        return any(grant.role.may(role) for grant in self.grants)

    def role_for(self, feed: str | None) -> Role | None:
        """The greatest role that they have for that feed."""
        found = [grant.role for grant in self.grants if grant.covers(feed)]
        return max(found, key=list(Role).index, default=None)

    def feeds_where(self, role: Role) -> list[str]:
        """The feeds about which they may do what needs that role."""
        return [name for name in self.runtime.feeds if self.may(role, name)]

    def may_follow(self, operation: Operation) -> bool:
        """Whether they may see long work: that on their feeds, and their own on none."""
        if operation.feed:
            return self.sees(operation.feed)
        own = (self.runtime.actor.who, self.runtime.actor.via)
        return self.sees_all or (operation.actor.who, operation.actor.via) == own

    def mask(self, feed: str | None) -> Mask:
        """What may be seen of a feed's values."""
        known = self.runtime.feeds.get(feed or "")
        contract = None if known is None else self.runtime.contracts.get(known.contract)
        return Mask(contract, self.may(Role.STEWARD, feed))

    def feed(self, name: str) -> str:
        """A feed that they see. Raises NotThereError."""
        if name not in self.runtime.feeds or not self.sees(name):
            raise NotThereError
        return name

    def file(self, file_id: str) -> File:
        """A file of such a feed. Raises NotThereError."""
        return self._seen(lambda: self.runtime.ledger.files.get(file_id), lambda file: file.feed)

    def drift(self, drift_id: str) -> Drift:
        """A drift of such a feed. Raises NotThereError."""
        drift = self._seen(lambda: drift_named(self.runtime, drift_id), lambda found: found.feed)
        if drift.drift_id != drift_id:
            raise NotThereError
        return drift

    def alert(self, alert_id: str) -> Alert:
        """An alert about such a feed. Raises NotThereError."""
        return self._seen(
            lambda: self.runtime.ledger.alerts.get(alert_id), lambda found: found.trouble.feed
        )

    def masked_alert(self, alert: Alert) -> Alert:
        """An alert with dots for whatever in its sentences came out of a file."""
        trouble = alert.trouble
        if trouble.feed is None:
            return alert
        known, mask = (trouble.feed, trouble.subject), self.mask(trouble.feed)
        says = mask.sentence(trouble.says, known) or ""
        todo = mask.sentence(trouble.todo, known) or ""
        return replace(alert, trouble=replace(trouble, says=says, todo=todo))

    def _seen[Found](self, get: Callable[[], Found], feed: Callable[[Found], str | None]) -> Found:
        try:
            found = get()
        except (KeyError, NotFoundError, ConflictError):
            raise NotThereError from None
        if not self.sees(feed(found)):
            raise NotThereError
        return found
