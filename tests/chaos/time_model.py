"""The table as plain Python says it should be, whatever was put back, restored or cleaned.

Written from the rule alone, without the product's code: the table is what it would be if only the
deliveries in force had been loaded, in their order, each with its corrections.
"""

from __future__ import annotations

from dataclasses import dataclass, field

type Row = tuple[str, int, int]
"""Key, day of the month, number."""


@dataclass(eq=False)
class Delivery:
    """One version of one file: good rows and rejected ones by line."""

    key: str
    number: int
    good: dict[int, Row]
    bad: dict[int, Row]
    corrects: Delivery | None = None
    fixed: dict[int, Row] = field(default_factory=dict)
    in_force: bool = False
    left_with: Delivery | None = None

    @property
    def content(self) -> tuple[object, ...]:
        """What its bytes are made of."""
        return (*sorted(self.good.items()), "/", *sorted(self.bad.items()))


class Model:
    """All deliveries, in the order in which they came."""

    def __init__(self, mode: str) -> None:
        self.mode, self.all = mode, list[Delivery]()

    def versions(self, key: str) -> list[Delivery]:
        return [each for each in self.all if each.key == key and each.corrects is None]

    def drop(self, new: Delivery) -> None:
        """A file came under its key: it takes the place of the one there, unless that is the same
        and in force."""
        self.all.append(new)
        for each in self.versions(new.key)[:-1]:
            if not each.in_force:
                continue
            if each.content == new.content:
                return
            each.in_force, each.left_with = False, new
        new.in_force = True

    def correct(self, new: Delivery) -> None:
        self.all.append(new)
        assert new.corrects is not None
        new.in_force = new.corrects.in_force

    def unload(self, gone: Delivery) -> None:
        """It leaves; what it had taken the place of is there again."""
        gone.in_force = False
        for each in self.all:
            if each.left_with is gone and each.corrects is None:
                each.left_with = gone.left_with
                each.in_force = gone.left_with is None
        gone.left_with = None

    def table(self) -> list[Row]:
        """The rows that the table has."""
        rows: list[Row] = []
        for file in [each for each in self.all if each.corrects is None and each.in_force]:
            own = dict(file.good)
            corrections = [each for each in self.all if each.corrects is file and each.in_force]
            for correction in corrections:
                own |= correction.fixed
            coming = [own[line] for line in sorted(own)]
            if self.mode == "merge":
                # A corrected row counts as later than the file's own.
                last: dict[str, Row] = {}
                for _, row in sorted(file.good.items()):
                    last[row[0]] = row
                for correction in corrections:
                    for line, row in sorted(correction.fixed.items()):
                        if own[line] == row:
                            last[row[0]] = row
                rows = [row for row in rows if row[0] not in last] + [*last.values()]
            elif self.mode == "replace_partition":
                days = {row[1] for row in coming}
                rows = [row for row in rows if row[1] not in days] + coming
            else:
                rows += coming
        return sorted(rows)
