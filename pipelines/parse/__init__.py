"""Parse: files of every format into chunks of string cells, each row with its place in the file."""

from pipelines.parse.accounts import Accounts
from pipelines.parse.byte_ranges import CannotBeCutError, Part, cut
from pipelines.parse.chunk import Chunk, Parsed
from pipelines.parse.file import parsed, read_part
from pipelines.parse.prefetch import ahead
from pipelines.parse.records import last_record_end, split

__all__ = [
    "Accounts",
    "CannotBeCutError",
    "Chunk",
    "Parsed",
    "Part",
    "ahead",
    "cut",
    "last_record_end",
    "parsed",
    "read_part",
    "split",
]
