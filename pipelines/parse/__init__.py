"""Parse: files of every format into chunks of string cells, each row with its place in the file."""

from pipelines.parse.chunk import Chunk, Parsed
from pipelines.parse.file import parsed
from pipelines.parse.records import split
from pipelines.parse.text import last_record_end

__all__ = ["Chunk", "Parsed", "last_record_end", "parsed", "split"]
