"""What partners and ops do while things break, and what must come of it."""

from __future__ import annotations

import csv
import gzip
import io
import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

ORDERS = [
    "order_id", "order_date", "shop_id", "customer_email", "sku", "quantity", "unit_price",
    "currency", "status", "created_at", "notes",
]  # fmt: skip
STOCK = [
    "snapshot_date", "warehouse", "sku", "on_hand", "reserved", "unit_cost", "counted_at",
    "attributes",
]  # fmt: skip
PAYOUTS = ["payout_id", "partner", "period", "gross", "fee", "net", "iban", "paid_at"]

type Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Deed:
    """One file that is dropped (`key`), mailed (`sender`) or uploaded to a feed (`upload`), and
    what is to become of it."""

    name: str
    body: bytes
    outcome: str
    read: int
    loaded: int
    rejected: int
    key: str | None = None
    sender: str | None = None
    upload: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it should be: its line, its column, its value."""

    line: int
    column: str
    value: str


@dataclass(slots=True)
class Book:
    """Everything that was done, and the rows that the tables must hold in the end."""

    rng: random.Random
    deeds: list[Deed] = field(default_factory=list)
    orders: dict[str, Row] = field(default_factory=dict)
    stock: dict[str, Row] = field(default_factory=dict)
    payouts: dict[str, Row] = field(default_factory=dict)
    _number: int = 0
    _days: int = 0

    def some(self, count: int) -> list[Deed]:
        """So many new files of all kinds, written into the book."""
        makers = [
            self._plain, self._plain, self._dirty, self._packed, self._repeated, self._stranger,
            self._stock, self._mailed, self._mailed_dirty, self.large,
            self.uploaded,
        ]  # fmt: skip
        return [self.rng.choice(makers)() for _ in range(count)]

    def one_of_each(self) -> list[Deed]:
        """A file of every kind."""
        return [
            self._plain(), self._dirty(), self._packed(), self._repeated(), self._stranger(),
            self._stock(), self._mailed(), self._mailed_dirty(), self.large(),
        ]  # fmt: skip

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _note(self, deed: Deed) -> Deed:
        self.deeds.append(deed)
        return deed

    def _order_rows(self, count: int) -> list[list[str]]:
        rows = []
        for _ in range(count):
            number = self._next()
            day = date(2026, 11, 1) + timedelta(days=number % 20)
            rows.append([
                f"SO-{number:06}", day.isoformat(), f"{number % 90:05}", f"c{number}@example.org",
                f"SKU-{number % 90 + 10}", str(number % 9 + 1), f"{number % 97}.{number % 100:02}",
                "EUR", "paid", f"{day.isoformat()}T10:00:00Z", "a note" if number % 3 else "",
            ])  # fmt: skip
        return rows

    def _keep_orders(self, rows: list[list[str]]) -> None:
        for row in rows:
            self.orders[row[0]] = (
                row[0], date.fromisoformat(row[1]), row[2], int(row[5]), Decimal(row[6]),
                int(row[5]) * Decimal(row[6]),
            )  # fmt: skip

    def _plain(self) -> Deed:
        rows = self._order_rows(self.rng.randrange(5, 120))
        self._keep_orders(rows)
        name = f"shop_{self._next()}.csv"
        return self._note(
            Deed(name, text(ORDERS, rows), "accepted", len(rows), len(rows), 0, f"orders/{name}")
        )

    def uploaded(self) -> Deed:
        """A file that is sent by the API."""
        rows = self._order_rows(self.rng.randrange(5, 120))
        self._keep_orders(rows)
        name = f"sent_{self._next()}.csv"
        return self._note(
            Deed(name, text(ORDERS, rows), "accepted", len(rows), len(rows), 0, upload="orders")
        )

    def large(self) -> Deed:
        """A file that is cut into parts, by the limits of this world."""
        rows = self._order_rows(self.rng.randrange(700, 900))
        self._keep_orders(rows)
        name = f"large_{self._next()}.csv"
        return self._note(
            Deed(name, text(ORDERS, rows), "accepted", len(rows), len(rows), 0, f"orders/{name}")
        )

    def _packed(self) -> Deed:
        rows = self._order_rows(self.rng.randrange(5, 60))
        self._keep_orders(rows)
        name = f"shop_{self._next()}.csv.gz"
        body = gzip.compress(text(ORDERS, rows), mtime=0)
        return self._note(
            Deed(name, body, "accepted", len(rows), len(rows), 0, f"orders/packed/{name}")
        )

    def _dirty(self) -> Deed:
        rows = self._order_rows(self.rng.randrange(20, 60))
        rows[2][5], rows[7][1], rows[11] = "ten", "2026-02-30", rows[11][:4]
        self._keep_orders([row for index, row in enumerate(rows) if index not in (2, 7, 11)])
        name = f"till_{self._next()}.csv"
        return self._note(
            Deed(name, text(ORDERS, rows), "partly", len(rows), len(rows) - 3, 3, f"orders/{name}")
        )

    def _repeated(self) -> Deed:
        earlier = [deed for deed in self.deeds if deed.outcome == "accepted" and deed.key]
        earlier = [deed for deed in earlier if str(deed.key).startswith("orders/shop")]
        if not earlier:
            return self._plain()
        name = f"again_{self._next()}.csv"
        body = self.rng.choice(earlier).body
        return self._note(Deed(name, body, "repeated", 0, 0, 0, f"orders/{name}"))

    def _stranger(self) -> Deed:
        name = f"foreign_{self._next()}.csv"
        body = f"who,what\nnobody,{self._number}\n".encode()
        return self._note(Deed(name, body, "quarantined", 0, 0, 0, f"orders/{name}"))

    def _stock(self) -> Deed:
        number = self._next()
        # A day of its own for each count, none so long ago that it would be taken for a typo.
        self._days += 1
        day = date(2026, 11, 1) - timedelta(days=self._days)
        rows = [
            [day.isoformat(), "WH1", f"SKU-{index}", str(number + index), "0", "1.50", "10:00:00",
             '{"bin": 1}']
            for index in range(self.rng.randrange(10, 40))
        ]  # fmt: skip
        for row in rows:
            self.stock[f"{row[0]} {row[2]}"] = (date.fromisoformat(row[0]), row[2], int(row[3]))
        name = f"stock_{number}.csv"
        return self._note(
            Deed(name, text(STOCK, rows), "accepted", len(rows), len(rows), 0, f"inventory/{name}")
        )

    def _payout_rows(self, count: int) -> list[list[str]]:
        rows = []
        for _ in range(count):
            number = self._next()
            rows.append([
                f"P-{number}", "acorn", "2026-10-01", f"{number}.50", "0.50", f"{number}.00",
                "DE02120300000000202051", "2026-11-01T09:00:00",
            ])  # fmt: skip
        return rows

    def _keep_payouts(self, rows: list[list[str]]) -> None:
        for row in rows:
            self.payouts[row[0]] = (row[0], Decimal(row[3]), Decimal(row[5]))

    def _mailed(self) -> Deed:
        rows = self._payout_rows(self.rng.randrange(3, 30))
        self._keep_payouts(rows)
        return self._note(self._report(rows, "accepted", len(rows), 0))

    def _mailed_dirty(self) -> Deed:
        rows = self._payout_rows(12)
        rows[3][3] = "a lot"
        self._keep_payouts(rows[:3] + rows[4:])
        return self._note(self._report(rows, "partly", 11, 1))

    def corrected(self) -> tuple[Deed, Cell]:
        """A mailed report, and the cell of its rejected row that somebody corrects."""
        deed = self._mailed_dirty()
        row = deed.body.decode().splitlines()[4].split(";")
        gross = row[0].removeprefix("P-") + ".50"
        self.payouts[row[0]] = (row[0], Decimal(gross), Decimal(row[5]))
        return deed, Cell(5, "gross", gross)

    def _report(self, rows: list[list[str]], outcome: str, loaded: int, rejected: int) -> Deed:
        number = self._next()
        return Deed(
            f"payouts_{number}.csv", text(PAYOUTS, rows, ";"), outcome, len(rows), loaded, rejected,
            sender=f"partner{number}@example.org",
        )  # fmt: skip


def text(header: list[str], rows: list[list[str]], delimiter: str = ",") -> bytes:
    """Delimited text of the rows."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return out.getvalue().encode()
