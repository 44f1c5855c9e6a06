"""Templates: the file that a sender of a feed fills in, made from the contract in force."""

from __future__ import annotations

from pipelines.operations.feeds import feed_named
from pipelines.runtime import Runtime
from pipelines.template_file.made import Template, TemplateForm, forms_of, make_template
from schemas.errors import ConflictError
from schemas.language import LANGUAGES


def template_of(
    runtime: Runtime,
    feed: str,
    form: str | None = None,
    language: str | None = None,
    *,
    has_example: bool = True,
) -> Template:
    """The template of a feed in a form (`csv`, `xlsx`, or `txt`: the rules in words; the feed's own
    unless it is named), its rules in a language (that of the feed's senders).

    Raises NotFoundError for a feed that is not there, ConflictError for a language that is not
    spoken, a form that the feed's files cannot have, and a header that cannot be written.
    """
    of = feed_named(runtime, feed)
    contract = runtime.contract_of(of)
    spoken = language or of.language
    if spoken not in LANGUAGES:
        raise ConflictError(
            f'"{spoken}" is no language of ours', hint=f"choose one of {', '.join(LANGUAGES)}"
        )
    known = [str(each) for each in TemplateForm]
    if form is not None and form not in known:
        raise ConflictError(f'"{form}" is no form', hint=f"choose one of {', '.join(known)}")
    wanted = TemplateForm(form) if form is not None else forms_of(contract.dialect)[0]
    return make_template(contract, of.name, wanted, spoken, runtime.now(), has_example=has_example)


def template_forms(runtime: Runtime, feed: str) -> tuple[TemplateForm, ...]:
    """The forms in which a feed's template can be had, its own first. Raises NotFoundError."""
    return forms_of(runtime.contract_of(feed_named(runtime, feed)).dialect)
