"""Objects: an object of a bucket as an item, and what names that one version to S3."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from schemas.item import Item

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef


def item_of(listed: Mapping[str, Any]) -> Item:
    """The item of an object as S3 lists it."""
    # Objects older than the bucket's versioning all have the version "null".
    version = None if listed.get("VersionId") == "null" else listed.get("VersionId")
    etag, modified = listed["ETag"].strip('"'), listed["LastModified"].astimezone(UTC)
    return Item(
        key=listed["Key"],
        version=version or f"{etag}@{modified.isoformat()}",
        name=listed["Key"].rpartition("/")[2],
        sent_at=modified,
        size=listed["Size"],
        detail={"version_id": version}
        if version
        else {"etag": etag, "modified": modified.isoformat()},
        formerly=None if version else etag,
    )


def version_argument(item: Item) -> dict[str, str]:
    """The argument that names the item's version to S3; empty if only its ETag is known."""
    return {"VersionId": item.version} if "version_id" in item.detail else {}


def etag_of(item: Item) -> str:
    """The item's ETag, which was the whole version of those found by earlier releases."""
    return item.detail.get("etag", item.version)


def is_there(item: Item, found: HeadObjectOutputTypeDef) -> bool:
    """Whether what lies under the key is still the item, and not the same bytes put there again,
    which are a delivery of their own."""
    if version := version_argument(item):
        return found.get("VersionId") == version["VersionId"]
    if found["ETag"].strip('"') != etag_of(item):
        return False
    modified = item.detail.get("modified")
    if modified is None:
        return True
    # A listing may know parts of the second, which a header never does.
    listed = datetime.fromisoformat(modified).replace(microsecond=0)
    return found["LastModified"].astimezone(UTC).replace(microsecond=0) == listed
