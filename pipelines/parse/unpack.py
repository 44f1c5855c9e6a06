"""Unpack: what is inside a compressed file or an archive, streamed and bounded.

Told by the first bytes, not by the name. Nothing is ever written under a name that an archive says.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from backports import zstd

from connectors.globs import compile_match, is_litter, names_litter
from pipelines.parse.kind import Kind, kind_of
from schemas.errors import DataError
from schemas.limits import Limits

_OPENERS: dict[Kind, Callable[..., Any]] = {
    Kind.GZIP: gzip.open,
    Kind.BZIP2: bz2.open,
    Kind.XZ: lzma.open,
    Kind.ZSTD: zstd.open,
}
_BROKEN = (
    OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError, zipfile.BadZipFile,
    tarfile.TarError, NotImplementedError,
)  # fmt: skip
_HEAD = 4096
_AES = 99
"""The compression method of members under AES: https://www.winzip.com/en/support/aes-encryption/"""
_RATIO_FROM = 64 * 1024 * 1024
_NAMED = 100


@dataclass(frozen=True, slots=True)
class Member:
    """One readable file: the whole file, or a member of an archive. `stream` can be read until the
    next member is asked for. `number` counts the members of an archive from 1; 0 if there is but
    one. `others` names the archive's files that are not read."""

    stream: BinaryIO
    kind: Kind
    number: int = 0
    name: str | None = None
    others: tuple[str, ...] = ()


def members(
    path: Path, pattern: str, limits: Limits, opened: Callable[[], BinaryIO] | None = None
) -> Generator[Member]:
    """The readable files inside a file, in their order: of archives those whose names match.

    `opened` opens a file that is no archive, where its end is still coming. Raises DataError for a
    damaged or encrypted archive, for one inside another, for one without a matching member, and
    past `limits.file_bytes` unpacked bytes, `limits.unpack_ratio` or `limits.members`.
    """
    kind = kind_of(path)
    bounds = _Bounds(limits, path.stat().st_size)
    if kind is Kind.ZIP:
        yield from _zip_members(path, pattern, bounds)
    elif kind is Kind.TAR:
        yield from _tar_members(lambda: path.open("rb"), pattern, bounds)
    elif kind in _OPENERS:
        opener = _OPENERS[kind]
        with _told(), _bounded(opener(path, "rb"), bounds) as stream:
            inner = kind_of(io.BytesIO(stream.peek(_HEAD)[:_HEAD]))
            if inner is not Kind.TAR:
                _refuse_nested(inner, path.name)
                yield Member(stream, inner)
                return
        yield from _tar_members(lambda: opener(path, "rb"), pattern, bounds)
    else:
        with opened() if opened is not None else path.open("rb") as plain:
            yield Member(plain, kind)


class _Bounds:
    """How much may come out of one file in all."""

    def __init__(self, limits: Limits, packed: int) -> None:
        self.limits, self._packed, self._total = limits, max(packed, 1), 0

    def count(self, size: int) -> None:
        """Note so many unpacked bytes; raises DataError when they are too many."""
        self._total += size
        if self._total > self.limits.file_bytes:
            raise DataError(
                "the file unpacks to more than {most:,} bytes",
                hint="split it, or raise limits.file_bytes",
                most=self.limits.file_bytes,
            )
        if self._total > max(_RATIO_FROM, self._packed * self.limits.unpack_ratio):
            raise DataError(
                "the file unpacks to more than {ratio} times its size, as no honest one does",
                hint="raise limits.unpack_ratio if it is honest",
                ratio=self.limits.unpack_ratio,
            )


def _zip_members(path: Path, pattern: str, bounds: _Bounds) -> Iterator[Member]:
    with _told(), _zip(path) as (archive, broken):
        chosen = [
            each
            for each in archive.infolist()
            if not each.is_dir() and _is_wanted(each.filename, pattern)
        ]
        _check_count(len(chosen), pattern, bounds)
        read = {each.filename for each in chosen}
        others = _others(
            each.filename for each in archive.infolist() if not each.is_dir()
            and each.filename not in read
        )  # fmt: skip
        for number, each in enumerate(chosen, start=1):
            opened = _decrypted(archive, each, bounds.limits.passwords)
            with _bounded(opened, bounds, broken) as stream:
                found = _member(stream, number if len(chosen) > 1 else 0, each.filename)
                yield replace(found, others=others)


@contextmanager
def _zip(path: Path) -> Iterator[tuple[zipfile.ZipFile, tuple[type[Exception], ...]]]:
    """The open archive, by the reader that knows its encryption, and what that raises."""
    with zipfile.ZipFile(path) as archive:
        if all(each.compress_type != _AES for each in archive.infolist()):
            yield archive, _BROKEN
            return
    # Loads a library of ciphers: only where it is needed.
    import pyzipper

    try:
        with pyzipper.AESZipFile(path) as archive:
            yield archive, (*_BROKEN, pyzipper.BadZipFile)
    except pyzipper.BadZipFile as error:
        raise _damaged(error) from error


def _decrypted(archive: zipfile.ZipFile, member: zipfile.ZipInfo, passwords: Sequence[str]) -> Any:
    """The open member, by the first password that fits."""
    if not member.flag_bits & 1:
        return archive.open(member)
    for password in passwords:
        try:
            with archive.open(member, pwd=password.encode()) as opened:
                # The older encryption takes one wrong password in 256 for the right one.
                opened.read(_HEAD)
        except (RuntimeError, *_BROKEN):
            continue
        return archive.open(member, pwd=password.encode())
    raise DataError(
        "{member} in the archive is encrypted, and no known password opens it",
        hint="send it without a password, or with the one agreed on",
        member=member.filename,
    )


def _tar_members(reopen: Callable[[], Any], pattern: str, bounds: _Bounds) -> Iterator[Member]:
    """A tar's members. It is read twice: how many there are is known at its end only."""

    def chosen(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
        return (each for each in tar if each.isfile() and _is_wanted(each.name, pattern))

    with _told(), reopen() as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
        count, rest = 0, list[str]()
        for each in tar:
            if not each.isfile():
                continue
            if not _is_wanted(each.name, pattern):
                rest.append(each.name)
                continue
            count += 1
            bounds.count(each.size)
            _check_count(count, pattern, bounds)
    _check_count(count, pattern, bounds)
    with _told(), reopen() as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
        for number, each in enumerate(chosen(tar), start=1):
            opened = tar.extractfile(each)
            assert opened is not None
            with io.BufferedReader(cast(io.RawIOBase, opened)) as stream:
                found = _member(stream, number if count > 1 else 0, each.name)
                yield replace(found, others=_others(rest))


def _member(stream: Any, number: int, name: str) -> Member:
    kind = kind_of(io.BytesIO(stream.peek(_HEAD)[:_HEAD]))
    _refuse_nested(kind, name)
    return Member(stream, kind, number, name)


def _refuse_nested(kind: Kind, name: str) -> None:
    if kind in _OPENERS or kind in (Kind.ZIP, Kind.TAR):
        raise DataError(
            "{name} holds another archive, which is not opened",
            hint="pack the files themselves, once",
            name=name,
        )


def _others(names: Iterable[str]) -> tuple[str, ...]:
    """The names of files in an archive that are not read, but for what systems put there."""
    return tuple(name for name in names if _is_wanted(name, "**"))[:_NAMED]


def _is_wanted(name: str, pattern: str) -> bool:
    base = name.rpartition("/")[2]
    noise = base.startswith(".") or (is_litter(name) and not names_litter(pattern))
    return not noise and compile_match(pattern, ignore_case=True).match(name) is not None


def _check_count(count: int, pattern: str, bounds: _Bounds) -> None:
    if count > bounds.limits.members:
        raise DataError(
            "the archive has more than {most:,} files",
            hint="split it, or raise limits.members",
            most=bounds.limits.members,
        )
    if not count:
        raise DataError(
            'the archive has no file that matches "{pattern}"',
            hint="see dialect.members in the contract",
            pattern=pattern,
        )


@contextmanager
def _bounded(
    stream: Any, bounds: _Bounds, broken: tuple[type[Exception], ...] = _BROKEN
) -> Iterator[Any]:
    with stream, io.BufferedReader(_Bounded(stream, bounds, broken), 1024 * 1024) as reader:
        yield reader


@contextmanager
def _told() -> Iterator[None]:
    """Turn what a damaged archive raises while it is opened into DataError."""
    try:
        yield
    except _BROKEN as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> DataError:
    return DataError(
        "the compressed file is damaged: {error}",
        hint="make the archive again and resend",
        error=str(error) or type(error).__name__,
    )


class _Bounded(io.RawIOBase):
    """A stream whose bytes are counted and whose faults are ours."""

    def __init__(self, stream: Any, bounds: _Bounds, broken: tuple[type[Exception], ...]) -> None:
        self._stream, self._bounds, self._broken = stream, bounds, broken

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            block = self._stream.read(len(buffer))
        except self._broken as error:
            raise _damaged(error) from error
        self._bounds.count(len(block))
        buffer[: len(block)] = block
        return len(block)
