"""Report parts: the pages of docs/performance/ about the ledger and about mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.targets import Verdict, at_least, ratio

Results = Mapping[str, Any]


def mail_target(results: Results) -> Verdict:
    """Whether mails come as quickly as they should, up to the last message marked."""
    taken = results.get("mail", {}).get("service", {})
    return at_least(
        "mail: at least 60 messages a second, to the last one marked",
        ratio(taken.get("messages"), taken.get("marked")),
        60,
        "a second",
    )


def mail(results: Results) -> Iterator[str]:
    """A thousand messages from a mailbox."""
    found = results.get("mail")
    if not found:
        return
    yield ""
    yield (
        "Messages with one attachment each in a mailbox of Dovecot, by what the source does with"
        " them: as many at once as a command may name, or each over a connection of its own. Each"
        " command is a way to the server and back."
    )
    yield from (
        "",
        "| | messages | a second | commands a message |",
        "| --- | ---: | ---: | ---: |",
    )
    for name, way in found["ways"].items():
        a_second, commands = (way["messages"] / way["seconds"], way["commands"] / way["messages"])
        yield f"| {name} | {way['messages']:,} | {a_second:,.0f} | {commands:.2f} |"
    if taken := found.get("service"):
        count = taken["messages"]
        yield ""
        yield (
            f"The whole service, two workers and no replies: {count:,} messages committed in"
            f" {taken['committed']:,.1f} s and marked in {taken['marked']:,.1f} s,"
            f" {count / taken['marked']:,.1f} a second, for"
            f" {taken['cpu'] / count * 1000:,.0f} ms of CPU each."
        )


def ledger(results: Results) -> Iterator[str]:
    """The ledger's questions with little and with much history."""
    if not results.get("ledger"):
        return
    yield ""
    yield (
        "Milliseconds a call, the quickest of several. The query plans of the larger ledger:"
        f" {', '.join(f'[{name}](plans-{name}.txt)' for name in results['ledger'])}."
    )
    for database, part in results["ledger"].items():
        yield from ("", f"## {database}", "")
        if "newest" in part:
            yield (
                f"Files of {part['senders']:,} senders; the newest {part['newest']:,} have their"
                " timelines, and what was counted and written for their senders."
            )
            yield ""
        yield f"| | {part['few']:,} files | {part['many']:,} files | |"
        yield "| --- | ---: | ---: | --- |"
        for each in part["questions"]:
            grows = "**grows**" if each["grows"] else ""
            few, many = each["few"] * 1000, each["many"] * 1000
            yield f"| {each['name']} | {few:.2f} | {many:.2f} | {grows} |"


def plans(results: Results) -> dict[str, str]:
    """The query plans of the larger ledger, a file for each database."""
    found = {}
    for database, part in results.get("ledger", {}).items():
        lines = []
        for each in part["questions"]:
            lines.append(f"{each['name']}:")
            lines += [f"    {line}" for plan in each["plans"] for line in plan.splitlines()]
        found[f"plans-{database}.txt"] = "\n".join(lines) + "\n"
    return found
