"""The ledger: every noun's part of it, put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from connectors.ledger.alerts import Alerts
from connectors.ledger.batches import Batches
from connectors.ledger.calendar import Arrivals
from connectors.ledger.cleaning import History
from connectors.ledger.config import LedgerConfig
from connectors.ledger.contents import Contents
from connectors.ledger.corrections import Corrections
from connectors.ledger.costs import Costs
from connectors.ledger.database import Database
from connectors.ledger.drifts import Drifts
from connectors.ledger.feeds import Feeds
from connectors.ledger.files import Files
from connectors.ledger.generations import Generations
from connectors.ledger.holds import Holds
from connectors.ledger.leases import Leases
from connectors.ledger.locks import Locks
from connectors.ledger.moves import Moves
from connectors.ledger.quota import Budget
from connectors.ledger.recovery import Recovery
from connectors.ledger.replies import Replies
from connectors.ledger.schema import Schema
from connectors.ledger.services import Services
from connectors.ledger.unmatched import UnmatchedItems
from connectors.ledger.workers import Workers


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlLedger:
    """`connectors.protocols.Ledger` on SQLite or PostgreSQL; connects when it is first used.

    Its methods are those of its parts, each of which holds one noun's statements. It may be used
    by several threads, and goes on working in a forked process. Raises RetryableError,
    AccessDeniedError or FatalError when the database does not do its part.
    """

    def __init__(self, config: LedgerConfig, now: Callable[[], datetime] = _utc_now) -> None:
        database = self.database = Database(config, now)

        schema = Schema(database)
        self.migrate = schema.migrate
        self.check = schema.check
        self.close = database.close

        feeds = Feeds(database)
        self.feed_state = feeds.feed_state
        self.stop_feed = feeds.stop_feed
        self.resume_feed = feeds.resume_feed
        self.note_match = feeds.note_match
        self.request_load = feeds.request_load
        self.feeds_to_load = feeds.feeds_to_load

        files = Files(database)
        self.register = files.register
        self.waiting = files.waiting
        self.unprepared = files.unprepared
        self.get = files.get
        self.many = files.many
        self.versions = files.versions
        self.listed = files.listed
        self.superseded_by = files.superseded_by
        self.of_batch = files.of_batch
        self.find = files.find
        self.files = files.files
        self.events = files.events
        self.retry = files.retry
        self.prepare_again = files.prepare_again
        self.unfinished_of_group = files.unfinished_of_group
        self.prune = files.prune

        contents = Contents(database)
        self.claim_content = contents.claim_content
        self.take_content = contents.take_content

        leases = Leases(database)
        self.due = leases.due
        self.claim = leases.claim
        self.renew = leases.renew
        self.advance = leases.advance
        self.release = leases.release

        locks = Locks(database)
        self.lock_table = locks.lock_table
        self.unlock_table = locks.unlock_table

        arrivals = Arrivals(database)
        self.watch = arrivals.watch
        self.arrived = arrivals.arrived

        alerts = Alerts(database)
        self.note_troubles = alerts.note_troubles
        self.alerts = alerts.alerts
        self.untold = alerts.untold
        self.note_told = alerts.note_told
        self.forget_alerts = alerts.forget_alerts

        workers = Workers(database)
        self.worker_alive = workers.worker_alive
        self.workers = workers.workers
        self.forget_workers = workers.forget_workers

        budget = Budget(database)
        self.charge = budget.charge
        self.charged = budget.charged
        self.spent = budget.spent
        self.draw = budget.draw
        self.forget_charges = budget.forget_charges
        self.pause_table = budget.pause_table
        self.table_pause = budget.table_pause

        costs = Costs(database)
        self.note_cost = costs.note_cost
        self.costs = costs.costs
        self.forget_costs = costs.forget_costs

        history = History(database)
        self.loaded = history.loaded
        self.at_rest = history.at_rest
        self.done_before = history.done_before
        self.cleaned_to = history.cleaned_to
        self.set_cleaned = history.set_cleaned
        self.landing_needed = history.landing_needed
        self.landing_shared = history.landing_shared
        self.forget_landing = history.forget_landing
        self.forget_rejects = history.forget_rejects
        self.forget_files = history.forget_files
        self.open_batches = history.open_batches
        self.uncovered = history.uncovered

        holds = Holds(database)
        self.hold = holds.hold
        self.let_in = holds.let_in
        self.hold_of = holds.hold_of
        self.holds = holds.holds
        self.admit = holds.admit

        replies = Replies(database)
        self.plan_reply = replies.plan_reply
        self.close_reply = replies.close_reply
        self.replies = replies.replies
        self.earlier_reply = replies.earlier_reply
        self.digest_due = replies.digest_due
        self.open_digest = replies.open_digest
        self.digest_feeds = replies.digest_feeds

        self.thread_of = replies.thread_of
        self.replied_since = replies.replied_since
        self.note_sent = replies.note_sent
        self.was_sent = replies.was_sent
        self.forget_sent = replies.forget_sent

        self.corrections = Corrections(database).corrections

        unmatched = UnmatchedItems(database)
        self.note_unmatched = unmatched.note_unmatched
        self.unmatched = unmatched.unmatched
        self.take_unmatched = unmatched.take_unmatched
        self.dismiss_unmatched = unmatched.dismiss_unmatched
        self.told_unmatched = unmatched.told_unmatched
        self.forget_unmatched = unmatched.forget_unmatched

        services = Services(database)
        self.note_service = services.note_service
        self.services = services.services
        self.service = services.service

        moves = Moves(database)
        self.defer_move = moves.defer_move
        self.deferred_moves = moves.deferred_moves
        self.close_move = moves.close_move
        self.needing = moves.needing

        batches = Batches(database)
        self.open_batch = batches.open_batch
        self.open_unload = batches.open_unload
        self.next_attempt = batches.next_attempt
        self.commit_batch = batches.commit_batch
        self.abandon_batch = batches.abandon_batch

        generations = Generations(database)
        self.generation = generations.generation
        self.set_generation = generations.set_generation

        recovery = Recovery(database)
        self.learn = recovery.learn
        self.load_again = recovery.load_again
        self.close_batches = recovery.close_batches

        drifts = Drifts(database)
        self.note_drift = drifts.note_drift
        self.drifts = drifts.drifts
        self.decide_drift = drifts.decide_drift
        self.sightings = drifts.sightings
        self.save_profiles = drifts.save_profiles
        self.profiles = drifts.profiles
        self.forget_profiles = drifts.forget_profiles
