"""Work bar: a progress bar that counts pieces of work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.runtime import Runtime, Work


@contextmanager
def work_bar(runtime: Runtime) -> Iterator[Callable[[Work, int], None]]:
    """A progress bar that counts pieces of work."""
    from entrypoints.cli.screen import progress

    with progress() as bar:
        task, count = bar.add_task("looking", total=None), 0

        def told(work: Work, left: int) -> None:
            nonlocal count
            count += 1
            what = work.target
            if work.step in ("prepare", "acknowledge"):
                what = runtime.ledger.files.get(work.target).item.name
            what = f"{work.step.replace('_', ' ')} {what}"
            bar.update(task, description=what[:40], completed=count - 1, total=count + left)

        yield told
        bar.update(task, description="done", completed=count, total=count)
