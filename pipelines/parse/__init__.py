"""Parse: files of every format into chunks of string cells, each row with its place in the file."""

from pipelines.parse.chunk import Chunk, Parsed
from pipelines.parse.file import parsed
from pipelines.parse.records import last_record_end, split

__all__ = ["Chunk", "Parsed", "last_record_end", "parsed", "split"]
