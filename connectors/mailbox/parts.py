"""Parts: the files that the parts of a message are, or hold, and what the mail itself says."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from email.message import Message

from imapclient import IMAPClient

from connectors.mailbox.containers import (
    MessageFile,
    files_within,
    is_attached,
    is_container,
    may_be_tnef,
    unfolded_files,
)
from connectors.mailbox.decode import decoded
from connectors.mailbox.fetch import HEADER_BYTES, blocks, fetched
from connectors.mailbox.headers import encoding_of, file_name, read_headers
from connectors.mailbox.items import FilePart
from connectors.mailbox.kinds import TNEF_MAGIC, VAGUE, adornment, made_name
from connectors.mailbox.structure import Leaf
from schemas.errors import DataError, EncryptedError

log = logging.getLogger(__name__)

_CONTAINER_BYTES = 64 * 1024 * 1024
_HEAD_BYTES = 4096
_TEXT_BYTES = 64 * 1024
_MAX_TEXTS = 4


class PartReader:
    """Reads parts of messages of the folder that is open."""

    def __init__(self, client: IMAPClient) -> None:
        self._client = client

    def whole_files(self, uid: int) -> Sequence[MessageFile]:
        """The files of a message that is read whole; raises DataError for one too large."""
        raw = b"".join(blocks(self._client, uid, "", _CONTAINER_BYTES))
        return tuple(unfolded_files(io.BytesIO(raw)))

    def files(self, uid: int, leaf: Leaf, headers: Message, *, marked: bool) -> Iterator[FilePart]:
        """The file that a part is, or the files that it holds."""
        name, kind, encoding = file_name(headers), leaf.kind, encoding_of(headers)
        head = b""
        if (not name and is_attached(headers, kind) and kind in VAGUE) or (
            name and may_be_tnef(name, kind)
        ):
            head = self._head(uid, leaf, encoding)
        is_tnef = head.startswith(TNEF_MAGIC)
        if not (name or is_tnef or is_container("", kind)):
            if not is_attached(headers, kind):
                return
            name = made_name(leaf.section, kind, head)
        whole = FilePart(
            name=name, section=leaf.section, kind=kind, encoding=encoding, size=leaf.size,
            octets=leaf.size, is_last=leaf.is_last, adornment=adornment(headers, kind, name),
        )  # fmt: skip
        if (is_tnef or is_container(name, kind)) and leaf.size <= _CONTAINER_BYTES:
            try:
                inner = files_within(name, kind, self._decoded(uid, leaf, encoding))
            except EncryptedError:
                whole = replace(whole, is_encrypted=True)
            except DataError as error:
                log.warning("UID %d: %s", uid, error.message)
            else:
                container = name or "winmail.dat"
                for number, (inside, data) in enumerate(inner):
                    mark = hashlib.sha256(data).hexdigest()[:16] if marked else ""
                    yield replace(whole, name=inside, container=container, inner=str(number),
                                  mark=mark, adornment="")  # fmt: skip
                return
        if not whole.name:
            whole = replace(whole, name=made_name(leaf.section, kind, head))
        yield replace(whole, mark=self._hash(uid, leaf)) if marked else whole

    def _decoded(self, uid: int, leaf: Leaf, encoding: str) -> bytes:
        sent = blocks(self._client, uid, leaf.section, _CONTAINER_BYTES, leaf.size)
        return b"".join(decoded(sent, encoding))

    def _head(self, uid: int, leaf: Leaf, encoding: str) -> bytes:
        """The first bytes of a part, decoded; none of one that cannot be."""
        asked = f"BODY.PEEK[{leaf.section}]<0.{_HEAD_BYTES}>"
        told = dict(fetched(self._client, [uid], [asked])).get(uid) or {}
        raw = told.get(f"BODY[{leaf.section}]<0>".encode()) or b""
        found = bytearray()
        with suppress(DataError):
            for each in decoded([raw[: len(raw) // 4 * 4]], encoding):
                found += each
        return bytes(found)

    def _hash(self, uid: int, leaf: Leaf) -> str:
        digest = hashlib.sha256()
        with suppress(DataError):
            for block in blocks(self._client, uid, leaf.section, _CONTAINER_BYTES, leaf.size):
                digest.update(block)
        return digest.hexdigest()[:16]

    def texts(self, uid: int, leaves: Sequence[Leaf]) -> Iterator[tuple[str, str]]:
        """The beginnings of what the mail itself says."""
        said = [each for each in leaves if each.is_text and not each.forwarded][:_MAX_TEXTS]
        if not said:
            return
        asked = [f"BODY.PEEK[{each.headers}]<0.{HEADER_BYTES}>" for each in said]
        asked += [f"BODY.PEEK[{each.section}]<0.{_TEXT_BYTES}>" for each in said]
        told = dict(fetched(self._client, [uid], asked)).get(uid) or {}
        for leaf in said:
            headers = read_headers(told.get(f"BODY[{leaf.headers}]<0>".encode()) or b"")
            raw = told.get(f"BODY[{leaf.section}]<0>".encode()) or b""
            with suppress(DataError):
                text = b"".join(decoded([raw], encoding_of(headers)))
                yield leaf.kind, text.decode("utf-8", "replace")
