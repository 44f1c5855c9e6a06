"""Replies: the mail that tells a sender what became of a file, once for each load of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pipelines.acknowledge.addressee import addressee
from pipelines.acknowledge.template_mail import templates_for
from pipelines.runtime import Runtime
from schemas.alert import AlertKind, Trouble
from schemas.errors import AwayError, DataError, FatalError, RetryableError
from schemas.file import File, Outcome
from schemas.language import translate
from schemas.receipt import Answer, Document, Message, Receipt
from schemas.reply import Reply, ReplyState, reply_id_of
from schemas.upload import UPLOADS

_MAX_REFERENCES = 20
_REJECTS = ".rejected.csv"
_IN_THREAD = "{count:,} replies went into this conversation within a day"
_TO_ADDRESS = "{count:,} replies went to this address within a day"
_NOT_ANSWERED = "{sender} is not answered any more today: {why}"
_LOOK = (
    "look whether a program answers our replies; limits.thread_replies and"
    " limits.address_replies say how many there may be"
)


def earlier_receipt(runtime: Runtime, file: File) -> Receipt | None:
    """What the file's sender was told about the file that this one may correct: the one whose
    receipt the mail answers, or else the latest of the same name."""
    item = file.item
    if item.sender is None:
        return None
    answered = [*_ids(item.detail.get("in_reply_to")), *_ids(item.detail.get("references"))]
    found = runtime.ledger.replies.earlier(
        file.feed, item.sender, item.name, answered[-_MAX_REFERENCES:], file.file_id
    )
    return found.receipt if found is not None else None


def planned_reply(runtime: Runtime, file: File, answer: Answer) -> Reply | str:
    """The reply that is due to the file's sender, written into the ledger; or why none is."""
    sender = addressee(file)
    if file.outcome is Outcome.UNCHANGED:
        return "the same bytes were there before: nobody is told"
    reason = file.item.detail.get("no_reply")
    if sender is None:
        return f"no reply: {reason}" if reason else _left(file)
    if file.quiet:
        return "receipt renewed; its sender is not told again"
    return _planned(runtime, file, answer, sender, reply_id_of(file))


def planned_follow_up(runtime: Runtime, file: File, answer: Answer, reply_id: str) -> Reply | str:
    """A further reply to the sender of a file about which there is more to tell, written into the
    ledger under an id that says what of; or why none is."""
    sender = addressee(file)
    if sender is None:
        return _left(file)
    return _planned(runtime, file, answer, sender, reply_id)


def _left(file: File) -> str:
    """What is noted where nobody is mailed. An upload came to us: nothing lies beside it."""
    if file.source == UPLOADS:
        return "receipt kept for who has uploaded it"
    return "receipt left at the source"


def _planned(
    runtime: Runtime, file: File, answer: Answer, sender: str, reply_id: str
) -> Reply | str:
    if reason := file.item.detail.get("no_reply"):
        return f"no reply to {sender}: {reason}"
    if runtime.notifier is None:
        return f"no reply to {sender}: no outgoing mail is configured"
    if file.sha256 is not None and runtime.ledger.sent_files.has(file.sha256):
        return f"no reply to {sender}: the file is, byte for byte, one that we have sent"
    thread = _thread_of(runtime, file)
    is_planned = any(each.reply_id == reply_id for each in runtime.ledger.replies.of(file.file_id))
    if not is_planned and (full := _brake(runtime, file, sender, thread)):
        return full
    is_digest = runtime.feeds[file.feed].digest is not None
    reply = Reply(
        reply_id=reply_id,
        message_id=f"<receipt.{reply_id}@waybill>",
        file_id=file.file_id,
        feed=file.feed,
        to=sender,
        name=file.item.name,
        receipt=answer.receipt,
        state=ReplyState.WAITING if is_digest else ReplyState.PLANNED,
        is_digest=is_digest,
        planned_at=runtime.now(),
        thread=thread,
    )
    return runtime.ledger.replies.plan(reply)


def _thread_of(runtime: Runtime, file: File) -> str | None:
    """The first message of the conversation in which a file came; a mail that answers one of ours
    goes on with that one's."""
    detail = file.item.detail
    before = [*_ids(detail.get("references")), *_ids(detail.get("in_reply_to"))]
    known = runtime.ledger.replies.thread_of(before[-_MAX_REFERENCES:]) if before else None
    return known or next(iter([*before, detail.get("message_id")]), None) or None


def _brake(runtime: Runtime, file: File, sender: str, thread: str | None) -> str | None:
    """Why no more is answered today: two programs that answer each other would go on for ever. A
    person is told."""
    limits, since = runtime.limits, runtime.now() - timedelta(days=1)
    in_thread, to_address = runtime.ledger.replies.count_since(sender, thread, since)
    if thread is not None and in_thread >= limits.thread_replies:
        why = translate(_IN_THREAD, count=in_thread)
    elif to_address >= limits.address_replies:
        why = translate(_TO_ADDRESS, count=to_address)
    else:
        return None
    runtime.raise_alert(
        Trouble(
            kind=AlertKind.LOOP,
            subject=sender,
            feed=file.feed,
            says=translate(_NOT_ANSWERED, sender=sender, why=why),
            todo=translate(_LOOK),
        ),
    )
    return f"no reply to {sender}: {why}"


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What was done about a reply, in a sentence; for a mail that went out or was refused just now
    also what the ledger is still to be told of it."""

    note: str
    message_id: str | None = None
    state: ReplyState = ReplyState.SENT

    def close(self, runtime: Runtime) -> None:
        """Write it down."""
        if self.message_id is not None:
            runtime.ledger.replies.close(self.message_id, self.state, self.note)


def send_reply(runtime: Runtime, reply: Reply | str, file: File, answer: Answer) -> DeliveryResult:
    """Mail a planned reply, unless that is done or a digest will do it.

    Raises RetryableError when the mail server does not take it now.
    """
    if isinstance(reply, str):
        return DeliveryResult(reply)
    match reply.state:
        case ReplyState.WAITING:
            return DeliveryResult(f"{reply.to} is told with the next digest")
        case ReplyState.SENT:
            return DeliveryResult(f"receipt mailed to {reply.to} before")
        case ReplyState.REFUSED:
            return DeliveryResult(reply.note or f"the reply to {reply.to} was refused")
    detail = file.item.detail
    subject = detail.get("subject") or file.item.name
    asked = detail.get("message_id") or None
    enclosed = templates_for(runtime, [reply], answer.documents[0].path.parent)
    message = Message(
        message_id=reply.message_id,
        to=reply.to,
        subject=subject if subject.lower().startswith("re:") else f"Re: {subject}",
        text=enclosed.text(answer.text),
        html=enclosed.html(answer.html),
        in_reply_to=asked,
        references=_thread(detail.get("references"), asked),
        attachments=(*rejects_of(file.item.name, answer), *enclosed.attachments),
        language=answer.receipt.language,
    )
    return send(runtime, message)


def send(runtime: Runtime, message: Message) -> DeliveryResult:
    """Mail a message whose replies are planned; the ledger is not told yet."""
    assert runtime.notifier is not None
    try:
        runtime.notifier.send(message)
    except RetryableError as error:
        runtime.ledger.services.note("mail", error.message)
        raise
    except FatalError as error:
        # The sender's file is loaded: that we are not let in is no reason to stop its feed.
        runtime.ledger.services.note("mail", error.message)
        raise AwayError(error.message, hint=error.hint) from error
    except DataError as error:
        note = f"the mail server refused the reply to {message.to}: {error.message}"
        return DeliveryResult(note, message.message_id, ReplyState.REFUSED)
    runtime.ledger.services.note("mail")
    sent = {_sha256(document.path) for _, document in message.attachments}
    runtime.ledger.sent_files.note(sent, message.message_id)
    return DeliveryResult(f"receipt mailed to {message.to}", message.message_id)


def rejects_of(name: str, answer: Answer) -> tuple[tuple[str, Document], ...]:
    """The rejects file of an answer, under the name with which it is attached."""
    return tuple(
        (name + _REJECTS, document)
        for document in answer.documents
        if document.suffix.endswith(_REJECTS)
    )


def _thread(references: str | None, asked: str | None) -> tuple[str, ...]:
    """The ids of a thread, with its first and its latest messages (RFC 5322 section 3.6.4)."""
    ids = [each for each in _ids(references) if each != asked]
    if len(ids) > _MAX_REFERENCES:
        ids = [ids[0], *ids[1 - _MAX_REFERENCES :]]
    return (*ids, asked) if asked else tuple(ids)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _ids(text: str | None) -> Sequence[str]:
    return (text or "").split()
