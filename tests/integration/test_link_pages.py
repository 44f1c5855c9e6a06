"""The page docs/receipt-link.md, and the commands about links and webhooks, run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner

from bare_service import bare_service
from documented import commands
from entrypoints.cli import cli
from receiver import receiver
from web_world import PARTLY, WebWorld, web_world


def test_the_page_about_links_is_true(tmp_path: Path, redis_url: str) -> None:
    if missing := [each for each in ("curl", "jq") if shutil.which(each) is None]:
        pytest.skip(f"{missing[0]} is not installed")
    (tmp_path / "key").write_text("k" * 40)
    web = {"url": "http://127.0.0.1:1", "link_keys": {"k": {"secret_file": str(tmp_path / "key")}}}
    with web_world(tmp_path, redis_url, web=web) as world:
        file = world.done(world.put("shop.csv", PARTLY))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands("docs/receipt-link.md")],
            cwd=tmp_path,
            env={
                **os.environ,
                "URL": world.url,
                "FILE": file.file_id,
                "KEY": world.asking("steward").token or "",
                "NO_PROXY": "127.0.0.1",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ['"quarantined"', "true", "404"]


def test_the_commands_say_a_secret_once(
    tmp_path: Path, authority: trustme.CA, authority_file: Path
) -> None:
    (tmp_path / "key").write_text("k" * 40)
    secret = {"secret_file": str(tmp_path / "key")}
    loopback = {"allow_private": ["127.0.0.0/8", "::1/128"], "ca_file": str(authority_file)}
    web = {"url": "https://waybill.example.com", "link_keys": {"k": secret}}
    service = bare_service(tmp_path, web=web, webhooks={**secret, **loopback})
    file = WebWorld(service, "", {}).put("shop.csv", PARTLY)

    def says(*arguments: str) -> str:
        done = CliRunner().invoke(cli, ["--config", str(service.config), *arguments])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    link = says("links", "new", "shop.csv")
    assert link.startswith(f"https://waybill.example.com/r/{file.file_id}.")
    assert "good no more" in says("links", "revoke", file.file_id)
    assert "revoked before" in says("links", "revoke", file.file_id)
    with receiver(authority) as found:
        assert says("webhooks", "set", found.url, "--feed", "sales").startswith("whsec_")
        assert says("webhooks", "set", found.url, "--feed", "sales") == ""
        [known] = json.loads(says("webhooks", "list", "--json"))
        assert "secret" not in known
        assert "200" in says("webhooks", "test", known["webhook_id"])
        assert len(found.got) == 1
    assert says("webhooks", "rotate", known["webhook_id"]).startswith("whsec_")
    assert known["webhook_id"] in says("webhooks", "list")
    assert "removed" in says("webhooks", "remove", known["webhook_id"])
