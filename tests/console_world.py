"""The console as people meet it: `waybill web` as a process, with a person of every role."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from bare_service import bare_service
from entrypoints.demo.process import HOST, free_ports
from pipelines.prepare.trust import doubt_about_mail, hold_file
from schemas.file import File, Status
from schemas.item import Item, Page
from service_process import process
from web_world import WebWorld

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as BrowserPage

PASSWORD = "correct horse battery staple"
ROLES = ("viewer", "operator", "steward", "admin")
_SET_UP = """
import json, sys
from pathlib import Path
from entrypoints.web.console.setup import migrate
from entrypoints.web.context import web_context
context = web_context(Path(sys.argv[1]))
migrate(context)
migrate(context)
from django.contrib.auth.models import Group
from entrypoints.web.console.people.models import Access, Person
from entrypoints.web.console.urls import screens
def person(name, role, feeds):
    made = Person(username=name, email=f"{name}@example.com")
    made.set_password(sys.argv[2])
    made.save()
    group = Group.objects.create(name=name)
    Access.objects.create(group=group, role=role, feeds=feeds)
    made.groups.add(group)
for role in ("viewer", "operator", "steward", "admin"):
    person(role, role, "*")
person("other", "admin", "other")
print(json.dumps([each.name for each in screens()]))
"""
_CHANGE = """
import sys
from pathlib import Path
from entrypoints.web.console.setup import set_up
from entrypoints.web.context import web_context
set_up(web_context(Path(sys.argv[1])))
from entrypoints.web.console.people.models import Access, Person
exec(sys.argv[2])
"""
PARTNERS = """
from pipelines import Feed, Trust, every

feed = Feed(name="partners", source="drop", match="partners/**", contract="sales", write="merge",
            schedule=every(seconds=1), trust=Trust(senders=("acorn.example",)))
"""
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


_ADDRESSES = count(2)


class Browsing(httpx.Client):
    """Somebody with a browser that has no script, on a machine of their own: how often one address
    may sign in is limited."""

    def __init__(self, url: str) -> None:
        number = next(_ADDRESSES)
        own = httpx.HTTPTransport(local_address=f"127.0.{number // 250}.{number % 250 + 1}")
        super().__init__(base_url=url, follow_redirects=True, timeout=30, transport=own)

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        page = self.get("/account/login/")
        return self.send_form(page, "/account/login/", login=name, password=password)

    def send_form(self, page: httpx.Response, path: str, **fields: str) -> httpx.Response:
        found = _TOKEN.search(page.text)
        assert found is not None, page.text[:500]
        headers = {"Referer": str(page.url)}
        return self.post(path, data={"csrfmiddlewaretoken": found[1], **fields}, headers=headers)


@dataclass
class ConsoleWorld(WebWorld):
    """The service behind the console, and the names of its screens."""

    screens: list[str]

    @contextmanager
    def browsing(self, name: str | None = None) -> Iterator[Browsing]:
        """A browser of its own; signed in, if somebody is named."""
        with Browsing(self.url) as made:
            if name is not None:
                assert made.sign_in(name).url.path == "/"
            yield made

    def held(self, name: str, sender: str, **detail: str) -> File:
        """A file of the feed `partners`, which knows one sender: held, for this is another."""
        runtime, feed = self.service.runtime, "partners"
        path = self.service.folder / "feeds" / f"{feed}.py"
        path.write_text(PARTNERS)
        item = Item(
            key=name, version="1", name=name, sent_at=runtime.now(), sender=sender, detail=detail
        )
        [file_id] = runtime.ledger.files.register(feed, "drop", Page(items=(item,)))
        file = runtime.ledger.leases.claim(file_id, Status.DISCOVERED, "test", 60)
        assert file is not None
        doubt = doubt_about_mail(runtime, file, runtime.feeds[feed])
        assert doubt is not None
        hold_file(runtime, file, doubt)
        return runtime.ledger.files.get(file_id)

    def change(self, statements: str) -> str:
        """Change people and groups as an admin would; what the statements print."""
        return run_script(_CHANGE, self.service.config, statements)


def signed_in(browser: Browser, url: str, name: str, **options: Any) -> BrowserPage:
    """A page of a browser of its own, in which somebody has signed in."""
    page = browser.new_context(base_url=url, **options).new_page()
    page.goto("/account/login/")
    page.fill("#id_login", name)
    page.fill("#id_password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/")
    return page


def run_script(script: str, config: Path, *arguments: str) -> str:
    command = [sys.executable, "-c", script, str(config), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@contextmanager
def console_world(
    folder: Path,
    redis_url: str,
    ledger_url: str | None = None,
    promise: str = "",
    mail: dict[str, Any] | None = None,
    **web: Any,
) -> Iterator[ConsoleWorld]:
    """The console of two feeds; `promise` is what the contract of `sales` has more."""
    [port] = free_ports(1) if "port" not in web else [web["port"]]
    service = bare_service(
        folder, "sales", "other", ledger_url=ledger_url,
        broker={"url": redis_url}, web={"port": port, **web},
        mail=mail or {"type": "file", "path": str(folder / "mail")},
    )  # fmt: skip
    with (folder / "contracts" / "sales.odcs.yaml").open("a") as contract:
        contract.write(promise)
    screens = json.loads(run_script(_SET_UP, service.config, PASSWORD))
    with process(service.config, "web", "--log-level", "info"):
        url = f"http://{HOST}:{port}"
        until = time.monotonic() + 60
        while True:
            try:
                assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
                break
            except httpx.TransportError:
                assert time.monotonic() < until, (folder / "web.log").read_text()[-2000:]
                time.sleep(0.1)
        yield ConsoleWorld(service, url, {}, screens)
