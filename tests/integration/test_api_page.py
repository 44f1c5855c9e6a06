"""The commands of docs/api.md, run as they stand there, one after the other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from documented import commands
from web_world import PARTLY, web_world


def test_the_page_is_true(tmp_path: Path, redis_url: str) -> None:
    if missing := [each for each in ("curl", "jq") if shutil.which(each) is None]:
        pytest.skip(f"{missing[0]} is not installed")
    with web_world(tmp_path, redis_url) as world:
        more = "".join(f"E{n},2026-11-03,5,\n" for n in range(3))
        world.done(world.put("till.csv", PARTLY + more))
        file = world.done(world.put("shop.csv", PARTLY))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands("docs/api.md")],
            cwd=tmp_path,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "WAYBILL_CONFIG": str(world.service.config),
                "URL": world.url,
                "NO_PROXY": "127.0.0.1",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"write amount like this: a whole number, for example 125"' in done.stdout
    assert '"waiting"' in done.stdout
    assert '"4 of 7"' in done.stdout
    assert "unbroken" in done.stdout
    assert file.file_id in (tmp_path / "files.json").read_text()
    assert "•••" in (tmp_path / "rejected.csv").read_text()
