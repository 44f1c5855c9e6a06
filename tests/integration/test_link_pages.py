"""The commands of docs/receipt-link.md, run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from folders import ROOT
from web_world import PARTLY, web_world


def test_the_page_about_links_is_true(tmp_path: Path, redis_url: str) -> None:
    if missing := [each for each in ("curl", "jq") if shutil.which(each) is None]:
        pytest.skip(f"{missing[0]} is not installed")
    page = (ROOT / "docs" / "receipt-link.md").read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- run -->\n```sh\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == page.count("```sh") == 1
    (tmp_path / "key").write_text("k" * 40)
    web = {"url": "http://127.0.0.1:1", "link_keys": {"k": {"secret_file": str(tmp_path / "key")}}}
    with web_world(tmp_path, redis_url, web=web) as world:
        file = world.done(world.put("shop.csv", PARTLY))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
            cwd=tmp_path,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "WAYBILL_CONFIG": str(world.service.config),
                "URL": world.url,
                "FILE": file.file_id,
                "NO_PROXY": "127.0.0.1",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ['"quarantined"', "true", "404"]
