"""A template for a sender whose file was not taken whole: attached to the first reply that says so,
and to no later one."""

from __future__ import annotations

import html
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.runtime import Runtime
from pipelines.template_file.made import Template, TemplateForm, forms_of, make_template
from schemas.errors import ConflictError
from schemas.language import translate
from schemas.receipt import Document
from schemas.reply import Reply

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Enclosed:
    """Templates that go with a mail, and the sentence that says so; none of both for most mails."""

    attachments: tuple[tuple[str, Document], ...] = ()
    says: str = ""

    def text(self, body: str) -> str:
        """The mail's text with the sentence."""
        return f"{body.rstrip()}\n\n{self.says}\n" if self.says else body

    def html(self, body: str | None) -> str | None:
        """The mail's HTML with the sentence."""
        if body is None or not self.says:
            return body
        return f"{body}<p>{html.escape(self.says)}</p>\n"


def templates_for(runtime: Runtime, replies: Sequence[Reply], folder: Path) -> Enclosed:
    """What goes with a mail that carries those replies, to one sender about one feed, as files in
    that folder. A repeat of the mail has it again.

    The rows of these templates are empty: a program that sends our mails back must bring nothing
    that is loaded. The example stands with the rules.
    """
    refused = [each for each in replies if each.receipt.wants_template]
    if not any(runtime.ledger.replies.is_first_refusal(each) for each in refused):
        return Enclosed()
    found = [_written(each, folder) for each in _made(runtime, refused[0])]
    if not found:
        return Enclosed()
    says = translate(
        "So that the next file fits, a template with the agreed columns is attached: {names}.",
        refused[0].receipt.language,
        names=", ".join(name for name, _ in found),
    )
    return Enclosed(tuple(found), says)


def _made(runtime: Runtime, reply: Reply) -> list[Template]:
    """The feed's own form, and the rules in words, for which it may have no room."""
    contract = runtime.contract_of(runtime.feeds[reply.feed])
    forms = dict.fromkeys((forms_of(contract.dialect)[0], TemplateForm.RULES))
    language, now = reply.receipt.language, runtime.now()
    try:
        return [
            make_template(contract, reply.feed, form, language, now, has_example=False)
            for form in forms
        ]
    except ConflictError as error:
        log.warning("feed %s has no template: %s", reply.feed, error.message)
        return []


def _written(template: Template, folder: Path) -> tuple[str, Document]:
    path = folder / template.name
    path.write_bytes(template.content)
    document = Document(suffix="", content_type=template.content_type, path=path)
    return template.name, document
