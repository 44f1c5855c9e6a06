"""Files of a folder are heard of as they are written, once they have settled."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.folder import FolderConfig, FolderSource
from schemas.item import Hint
from schemas.receipt import DOCUMENTS


@contextmanager
def heard(source: FolderSource) -> Iterator[queue.Queue[Sequence[Hint] | None]]:
    stop, told = threading.Event(), queue.Queue[Sequence[Hint] | None]()
    [news] = source.watches(stop)

    def follow() -> None:
        for each in news:
            told.put(each)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        assert told.get(timeout=10) is None
        time.sleep(0.3)
        yield told
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


def folder(path: Path, **more: Any) -> FolderSource:
    return FolderSource(FolderConfig(path=path, **more))


@pytest.mark.parametrize("watch", [True, "poll"])
def test_what_is_written_is_told_once_it_has_settled(tmp_path: Path, watch: Any) -> None:
    source = folder(tmp_path, settle_seconds=0.5, watch=watch)
    with heard(source) as told:
        with (tmp_path / "a.csv").open("w") as out:
            for _ in range(4):
                out.write("more\n")
                out.flush()
                time.sleep(0.2)
        hints = told.get(timeout=20)
        assert hints == [Hint("a.csv")]
        [(_, item)] = source.hinted(hints)
        [listed] = [each for page in source.list("**", None) for each in page.items]
        assert item == listed
        assert listed.size == 20


def test_a_folder_that_is_moved_here_is_looked_at_whole(tmp_path: Path) -> None:
    (tmp_path / "away" / "sub").mkdir(parents=True)
    (tmp_path / "away" / "sub" / "a.csv").write_text("x")
    (tmp_path / "drop").mkdir()
    with heard(folder(tmp_path / "drop", settle_seconds=0)) as told:
        os.rename(tmp_path / "away" / "sub", tmp_path / "drop" / "sub")
        assert told.get(timeout=10) is None


def test_hints_bring_nothing_that_the_listing_leaves_out(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    (drop / "deep").mkdir(parents=True)
    (drop / "answers").mkdir()
    (tmp_path / "outside.csv").write_text("secret")
    os.symlink(tmp_path / "outside.csv", drop / "link.csv")
    os.symlink(tmp_path, drop / "linked")
    names = ["a.csv", ".hidden.csv", "deep/b.csv", "answers/c.csv", "x.rejected.csv", "gone.csv",
             "deep/.d/e.csv", *(f"a.csv{suffix}" for suffix in DOCUMENTS)]  # fmt: skip
    for name in names:
        (drop / name).parent.mkdir(exist_ok=True)
        (drop / name).write_text("x")
    (drop / "gone.csv").unlink()
    source = folder(drop, settle_seconds=0, receipts_folder=drop / "answers")
    hostile = ["link.csv", "linked/outside.csv", "../outside.csv", "deep", "nul\0.csv"]
    found = dict(source.hinted([Hint(name) for name in (*names, *hostile)]))
    listed = {each.key for page in source.list("**", None) for each in page.items}
    assert {hint.key for hint, item in found.items() if item is not None} == listed
    assert listed == {"a.csv", "deep/b.csv", "x.rejected.csv"}


def test_watching_can_be_left_out(tmp_path: Path) -> None:
    assert list(folder(tmp_path, watch=False).watches(threading.Event())) == []
