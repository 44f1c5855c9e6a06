"""How files travel: the stages, and the feed that says which files go where."""

from pipelines.feed import Feed
from pipelines.schedule import Cron, Every, cron, every
from schemas.trust import Trust

__all__ = ["Cron", "Every", "Feed", "Trust", "cron", "every"]
