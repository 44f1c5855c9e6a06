"""`waybill mcp` as an assistant uses it: the SDK's own client over stdin and stdout."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

from bare_service import bare_service
from pipelines.operations.keys import create_key, revoke_key
from schemas.key import Role
from web_world import IBAN, LONG, PARTLY, WebWorld


def test_an_assistant_is_told_why_a_file_was_refused(tmp_path: Path) -> None:
    service = bare_service(tmp_path, "sales", "other")
    world = WebWorld(service, "", {})
    file = world.done(world.put("partly.csv", PARTLY))
    theirs = world.put("theirs.csv", PARTLY, feed="other")
    made = create_key(service.runtime, "assistant", Role.VIEWER, ["sales"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "fixed.csv").write_text(PARTLY.replace("many", "2"))
    command = ["-m", "entrypoints.cli", "--config", str(service.config), "mcp"]
    server = StdioServerParameters(
        command=sys.executable,
        args=[*command, "--files", str(tmp_path / "mine")],
        env={**os.environ, "WAYBILL_KEY": made.token},
    )

    async def conversation() -> None:
        async with Client(server) as client:

            async def call(name: str, **arguments: object) -> tuple[bool, Any, str]:
                found = await client.call_tool(name, arguments)
                text = "".join(getattr(each, "text", "") for each in found.content)
                return bool(found.is_error), found.structured_content, text

            tools = {each.name for each in (await client.list_tools()).tools}
            assert {"search_files", "get_receipt", "check_file"} <= tools
            assert not any(name.startswith(("retry", "release", "unload")) for name in tools)
            _, found, _ = await call("search_files", starts="partly")
            [item] = found["items"]
            assert item["file_id"] == file.file_id
            _, receipt, text = await call("get_receipt", file_id=file.file_id)
            fixes = {rule["column"]: rule["fix"] for rule in receipt["rules"]}
            assert fixes["amount"] == "write amount like this: a whole number, for example 125"
            _, rows, more = await call("list_rejected_rows", file_id=file.file_id)
            assert rows["items"][0]["cells"]["amount"] == "many"
            assert IBAN not in text + more
            assert LONG not in text + more
            for path, feed, fails in (
                ("fixed.csv", "sales", False), ("fixed.csv", "other", True),
                ("../config.yaml", "sales", True), ("none.csv", "sales", True),
            ):  # fmt: skip
                failed, checked, _ = await call("check_file", path=path, feed=feed)
                assert failed is fails, path
                if not fails:
                    assert (checked["outcome"], checked["counts"]["loaded"]) == ("partly", 2)
            failed, _, why = await call("get_file", file_id=theirs.file_id)
            assert failed
            assert "nothing here" in why
            revoke_key(service.runtime, made.key.key_id)
            failed, _, why = await call("list_feeds")
            assert (failed, "not valid" in why) == (True, True)

    asyncio.run(conversation())
