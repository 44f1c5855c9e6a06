"""Conditions of partial indexes: a query finds one only by the same words."""

from sqlalchemy import text

OWED = text("status <> 'done'")
PREPARED = text("status = 'prepared'")
WAITING = text("status IN ('discovered', 'preparing')")
GROUPED = text(
    "item_group IS NOT NULL AND status NOT IN ('done', 'failed', 'unloading', 'unloaded')"
)
NOTED = text("outcome <> 'accepted'")
OPEN = text("status = 'open'")
DONE = text("status = 'done'")
LANDED = text("landing_key IS NOT NULL")
BATCHED = text("batch_id IS NOT NULL")
SUPERSEDED = text("superseded_by IS NOT NULL")
REPEATS = text("repeats IS NOT NULL")
CORRECTING = text("corrects IS NOT NULL")
COVERED = text("covered AND landing_key IS NOT NULL")
HELD = text("is_held AND is_current")
IN_FORCE = text("in_force")
UNRESOLVED = text("resolved_at IS NULL")
RESOLVED = text("resolved_at IS NOT NULL")
UNRELEASED = text("released_at IS NULL")
UNFINISHED = text("state IN ('waiting', 'running')")
DIGESTED = text("is_digest AND state IN ('waiting', 'planned')")
