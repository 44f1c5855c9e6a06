"""Listing: what of a bucket are files, all of it or by hints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.globs import OurAnswers
from connectors.s3.client import S3Config
from connectors.s3.objects import item_of
from connectors.s3.refusals import translating
from schemas.errors import ItemChangedError
from schemas.item import Hint, Item, Page

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MARKERS = ("_SUCCESS", ".keep", ".gitkeep", "_$folder$")
_REJECTED = ".rejected.csv"
_TICK = timedelta(microseconds=1)


class Listing:
    """Asks a bucket for its objects, and leaves out what is nobody's."""

    def __init__(self, client: S3Client, config: S3Config, *, is_versioned: bool) -> None:
        self._client, self._config, self._is_versioned = client, config, is_versioned

    def whole(self, prefix: str) -> Iterator[Page]:
        """Pages of the objects below a prefix that are nobody's own."""
        answers = OurAnswers()
        for listed in self._pages(prefix):
            yield Page(
                items=tuple(item_of(each) for each in listed if self._is_wanted(each, answers))
            )

    def _pages(self, prefix: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        bucket = self._config.bucket
        if self._is_versioned:
            versions = self._client.get_paginator("list_object_versions")
            for page in versions.paginate(Bucket=bucket, Prefix=prefix):
                yield [each for each in page.get("Versions", []) if each["IsLatest"]]
        else:
            objects = self._client.get_paginator("list_objects_v2")
            for listed in objects.paginate(Bucket=bucket, Prefix=prefix):
                yield [*listed.get("Contents", [])]

    def _is_wanted(self, listed: Mapping[str, Any], answers: OurAnswers) -> bool:
        key: str = listed["Key"]
        ours = "" if self._config.answers.bucket else self._config.answers_prefix
        apart = [each for each in (ours, self._config.move_to) if each]
        is_marker = listed["Size"] == 0 and key.rpartition("/")[2].endswith(_MARKERS)
        return (
            not answers.has(key)
            and not key.endswith("/")
            and not is_marker
            and not key.startswith(tuple(apart))
        )

    def hinted(self, hint: Hint) -> Item | None:
        """The item of a hint's key as the whole listing would bring it, or of the version that it
        names, should that have been overwritten since; None if it is gone or no file."""
        with translating(self._config.bucket):
            # By a listing and no request for the object: only a listing knows parts of the second
            # in which it was put there, and they are part of its version.
            listed = self._latest(hint.key)
            if listed is None:
                return None
            if self._is_versioned and hint.version not in (None, listed["VersionId"]):
                listed = self._overwritten(hint, listed["LastModified"])
            answers = OurAnswers()
            if hint.key.endswith(_REJECTED):
                self._tell_receipts(hint.key.removesuffix(_REJECTED), answers)
            if listed is None or not self._is_wanted(listed, answers):
                return None
            return item_of(listed)

    def _latest(self, key: str) -> Mapping[str, Any] | None:
        """What a listing says of the key; a key comes before all that begin with it."""
        where = {"Bucket": self._config.bucket, "Prefix": key, "MaxKeys": 1}
        if self._is_versioned:
            versions = self._client.list_object_versions(**where).get("Versions", [])  # type: ignore[arg-type]
            return next(
                (each for each in versions if each["Key"] == key and each["IsLatest"]), None
            )
        objects = self._client.list_objects_v2(**where).get("Contents", [])  # type: ignore[arg-type]
        return next((each for each in objects if each["Key"] == key), None)

    def _overwritten(self, hint: Hint, by: datetime) -> Mapping[str, Any] | None:
        """What the earlier version is that the hint names; S3 tells only the second of both."""
        try:
            with translating(self._config.bucket, hint.key):
                found = self._client.head_object(
                    Bucket=self._config.bucket, Key=hint.key, VersionId=str(hint.version)
                )
        except ItemChangedError:
            return None
        earlier = min(found["LastModified"], by - _TICK)
        return {
            **found, "Key": hint.key, "Size": found["ContentLength"], "LastModified": earlier
        }  # fmt: skip

    def _tell_receipts(self, original: str, answers: OurAnswers) -> None:
        """Let it know the receipts of what these would be the rejected rows of."""
        found = self._client.list_objects_v2(
            Bucket=self._config.bucket, Prefix=f"{original}.receipt.", MaxKeys=2
        )
        for each in found.get("Contents", []):
            answers.has(each["Key"])
