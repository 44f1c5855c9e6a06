"""Page: every command with its arguments, options and exit statuses."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from docs.builder.reference.text import code, one_line, page, section, table
from entrypoints.cli import COMMANDS, cli

_STATUSES = (
    ("0", "all well"),
    ("1", "something failed, or was not found; there is more to do"),
    ("2", "wrong usage: an unknown command or option"),
    ("3", "the configuration or a contract is wrong"),
    ("4", "a part does not answer: ledger, warehouse, source, broker"),
    ("130", "stopped by Ctrl-C"),
)


def commands() -> Iterator[tuple[str, click.Command]]:
    """All commands and their subcommands, by what is typed."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield from _with_inner(f"waybill {name}", command)


def _with_inner(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for inner, each in command.commands.items():
            yield from _with_inner(f"{name} {inner}", each)


def _about(command: click.Command) -> str:
    """The command's own help, by paragraph."""
    text = re.sub(r"\n*\b\n", "\n\n", command.help or "").replace("\x08", "")
    return "\n\n".join(one_line(each) for each in text.split("\n\n") if each.strip())


def _usage(name: str, command: click.Command) -> str:
    pieces = command.collect_usage_pieces(click.Context(command, info_name=name))
    return f"```text\n{' '.join([name, *pieces])}\n```"


def _options(name: str, command: click.Command) -> str:
    rows = []
    for each in command.params:
        if not isinstance(each, click.Option) or each.hidden:
            continue
        if not each.help:
            raise KeyError(f"{name} {each.opts[0]} has no help")
        shown = ", ".join(map(code, [*each.opts, *each.secondary_opts]))
        if not each.is_flag:
            shown += f" {code(each.make_metavar(click.Context(command)))}"
        usual = code(each.default) if each.show_default and not callable(each.default) else ""
        rows.append((shown, each.help, usual))
    return table(("option", "what it does", "default"), rows) if rows else ""


def commands_page() -> str:
    """The page."""
    root = [
        each for each in cli.params
        if isinstance(each, click.Option) and each.help and each.name == "path"
    ]  # fmt: skip
    blocks = []
    for name, command in commands():
        if not command.help:
            raise KeyError(f"{name} has no help")
        blocks.append(section(name, _about(command), _usage(name, command),
                              _options(name, command)))  # fmt: skip
    return page(
        "Commands",
        f"`waybill --config FILE COMMAND`: {root[0].help} Without it, {code('WAYBILL_CONFIG')} says"
        f" it, or {code(root[0].default)} is read. `waybill COMMAND --help` says the same as"
        " this page.",
        section("Exit statuses", table(("status", "what it means"), _STATUSES)),
        *blocks,
    )
