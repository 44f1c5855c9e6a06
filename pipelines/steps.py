"""Steps: what a task can be, by the name of its queue."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.acknowledge.digest import digest
from pipelines.acknowledge.many import acknowledge_many
from pipelines.acknowledge.posts import post
from pipelines.acknowledge.step import acknowledge
from pipelines.discover.step import discover
from pipelines.discover.unmatched import survey
from pipelines.load.after_load import after_load
from pipelines.load.step import load
from pipelines.prepare.bundle import prepare_many
from pipelines.prepare.parts import part
from pipelines.prepare.step import prepare
from pipelines.runtime import Runtime, Work

STEPS: dict[str, Callable[[Runtime, str], list[Work]]] = {
    "discover": discover,
    "survey": survey,
    "prepare": prepare,
    "prepare_many": prepare_many,
    "part": part,
    "load": load,
    "acknowledge": acknowledge,
    "acknowledge_many": acknowledge_many,
    "digest": digest,
    "post": post,
    "after_load": after_load,
}
"""The steps a task can be, by the name of its queue."""


OF_FEEDS = ("discover", "prepare_many", "load", "acknowledge_many", "digest", "post", "after_load")
"""The steps whose target is a feed; the others' is a file, or for `survey` a source."""


OF_BUNDLES = ("prepare_many", "acknowledge_many")
"""The steps of which each task takes files that no other has."""
