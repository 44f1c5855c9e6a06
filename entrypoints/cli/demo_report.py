"""The demo's report: what the files became, told from the ledger, BigQuery and the mailbox."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path
from typing import Any

from imapclient import IMAPClient
from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from entrypoints.cli.screen import file_table, plain_table
from entrypoints.demo.correction import Corrected
from entrypoints.demo.servers import MailEndpoint
from entrypoints.own_command import typed_command
from pipelines.operations.keys import create_key
from pipelines.runtime import Runtime
from schemas.file import File
from schemas.key import Role
from schemas.language import printable
from schemas.receipt_link import PATH


def print_report(
    out: Console, runtime: Runtime, files: list[File], mail: MailEndpoint, seconds: float
) -> None:
    """Print the tables, a rejected row and a partner's receipt."""
    out.rule(f"[bold]{len(files)} files in {seconds:.0f} s", align="left")
    out.print(file_table(sorted(files, key=lambda file: (file.feed, file.item.sent_at)), runtime))
    out.rule("[bold]Rows per partition, counted in BigQuery", align="left")
    out.print(_partitions(runtime))
    _print_reject(out, runtime, files)
    _print_receipt(out, files, mail)


def _partitions(runtime: Runtime) -> Group:
    tables: list[Text | Table] = []
    for contract in runtime.contracts.values():
        table = plain_table("PARTITION", "ROWS", numbers=("ROWS",))
        tables.append(Text(runtime.warehouse.table_id(contract), style="bold"))
        counts = runtime.warehouse.partitions(contract)
        for each in counts[:6]:
            table.add_row(each.partition, f"{each.rows:,}")
        if len(counts) > 6:
            table.add_row(f"… {len(counts) - 6} more", f"{sum(c.rows for c in counts[6:]):,}")
        tables.append(table)
    return Group(*tables)


def _print_reject(out: Console, runtime: Runtime, files: list[File]) -> None:
    from pipelines.operations.files import rejected_rows

    partly = next((f for f in files if f.outcome == "partly" and f.item.sender is None), None)
    if partly is None:
        return
    row = rejected_rows(runtime, partly, 1)[0]
    out.rule("[bold]A rejected row, with its reason", align="left")
    out.print(f"{escape(partly.item.name)}, line {row.line}:")
    out.print(f"  [dim]{escape(printable(row.raw))}[/]")
    for problem in row.problems:
        out.print(f"  [red]{escape(problem.label or 'row')}[/]: {escape(problem.message)}")


def _print_receipt(out: Console, files: list[File], mail: MailEndpoint) -> None:
    partner = next((f for f in files if f.item.sender and f.outcome == "partly"), None)
    if partner is None or partner.item.sender is None:
        return
    text = read_receipt(mail, partner.item.sender, partner.file_id)
    out.rule(f"[bold]The reply that {partner.item.sender} got", align="left")
    out.print(Panel(escape(text.strip()), expand=False))
    if link := next((word for word in text.split() if PATH in word), None):
        # Once more in one piece: the frame breaks it, and nobody could follow it.
        out.print(f"Its link, while it runs (--keep): {link}", soft_wrap=True, markup=False)


def read_receipt(mail: MailEndpoint, address: str, file_id: str) -> str:
    """The text of the mailed receipt for a file, read from the partner's own mailbox."""
    with IMAPClient(mail.host, mail.imap_port, ssl=False, timeout=10) as client:
        client.login(address, mail.password)
        client.select_folder("INBOX", readonly=True)
        for data in client.fetch(client.search("ALL"), ["RFC822"]).values():
            message = email.message_from_bytes(data[b"RFC822"], policy=email.policy.default)
            body = message.get_body(("plain",))
            if body is not None and file_id in (text := body.get_content()):
                return f"Subject: {message['Subject']}\n\n{text}"
    return "(no receipt has come)"


def next_commands(config: Path, files: list[File]) -> str:
    """What to try next, as shell lines."""
    shown = next((f for f in files if f.outcome == "partly"), files[0])
    waybill = typed_command()
    return (
        f"export WAYBILL_CONFIG={config}\n"
        f"{waybill} files\n"
        f"{waybill} show {shown.file_id}\n"
        f"{waybill} files --status quarantined --json"
    )


def demo_key(runtime: Runtime) -> str:
    """A key of a steward, shown this once."""
    return create_key(runtime, "demo", Role.STEWARD, ["*"]).token


def next_requests(url: str, key: str) -> str:
    """What to ask by HTTP."""
    return f'export KEY={key}\ncurl -s "{url}/api/v1/files?limit=3" -H "Authorization: Bearer $KEY"'


def print_correction(out: Console, corrected: Corrected | None) -> None:
    """Print how a file was sent and its row corrected, and its receipt before and after."""
    if corrected is None:
        return
    out.rule("[bold]A file sent with curl, and its rejected row corrected by the API", align="left")
    out.print(corrected.sent_by, soft_wrap=True, markup=False)
    _print_counts(out, corrected.before)
    for rule in corrected.before["rules"]:
        for example in rule["examples"][:1]:
            out.print(
                f"  line {example['line']}: {example['value']!r}: {rule['fix']}", markup=False
            )
    out.print(corrected.corrected_by, soft_wrap=True, markup=False)
    _print_counts(out, corrected.after)


def _print_counts(out: Console, receipt: dict[str, Any]) -> None:
    loaded = receipt["counts"]["loaded"] + receipt["rows_corrected"]
    out.print(f"[green]receipt:[/] {loaded} of {receipt['counts']['read']} rows are in the table")
