"""Cast: string cells into the contract's types, column by column, naming every cell that will not.

Nothing is coerced silently: a cell either has the one meaning its type and dialect allow, or it is
a problem.
"""

from pipelines.cast.chunk import Typed, cast_chunk

__all__ = ["Typed", "cast_chunk"]
