"""Makes the sample files, always the same ones, and what should become of each."""

import csv
import json
import random
from datetime import date, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
EXPECTED: dict[str, dict[str, object]] = {}
ORDER = [
    "order_id", "order_date", "shop_id", "customer_email", "sku", "quantity", "unit_price",
    "currency", "status", "created_at", "notes",
]  # fmt: skip
PAYOUT = ["payout_id", "partner", "period", "gross", "fee", "net", "iban", "paid_at"]
STOCK = [
    "snapshot_date", "warehouse", "sku", "on_hand", "reserved", "unit_cost", "counted_at",
    "attributes",
]  # fmt: skip


def write(name: str, header: list[str], rows: list[list[str]], delimiter: str = ",") -> None:
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        writer.writerows([header, *rows])


def expect(name: str, outcome: str, read: int, rejected: int) -> None:
    loaded = read - rejected
    EXPECTED[name] = {"outcome": outcome, "read": read, "loaded": loaded, "rejected": rejected}


def orders(rng: random.Random, start: int, count: int, day: date) -> list[list[str]]:
    rows = []
    for number in range(start, start + count):
        at = datetime(day.year, day.month, day.day, 8) + timedelta(seconds=rng.randrange(40_000))
        rows.append([
            f"SO-{number:06}", day.isoformat(), f"{rng.choice([1, 7, 12, 40]):05}",
            f"customer{rng.randrange(400)}@example.org", f"SKU-{rng.randrange(10, 99)}",
            str(rng.randrange(1, 9)), f"{rng.randrange(100, 9999) / 100:.2f}",
            rng.choice(["EUR", "EUR", "USD", "GBP"]), rng.choice(["placed", "paid", "shipped"]),
            at.isoformat() + "Z", rng.choice(["", "", "", "gift wrap, please"]),
        ])  # fmt: skip
    return rows


def make_orders(rng: random.Random) -> None:
    folder = "drop/orders/2026/11"
    first = orders(rng, 1, 400, date(2026, 11, 2))
    write(f"{folder}/shop_2026-11-02.csv", ORDER, first)
    expect(f"{folder}/shop_2026-11-02.csv", "accepted", 400, 0)

    third = orders(rng, 401, 350, date(2026, 11, 3))
    third[4][10] = "leave it at the door\nor with the neighbour"
    third[9][10] = 'señor Núñez says "gracias"'
    write(f"{folder}/shop_2026-11-03.csv", ORDER, third)
    expect(f"{folder}/shop_2026-11-03.csv", "accepted", 350, 0)

    dirty = orders(rng, 751, 300, date(2026, 11, 4))
    dirty[10][1] = "2026-02-30"
    dirty[20][5] = "ten"
    dirty[30][7] = "EURO"
    dirty[40][0] = ""
    dirty[50][6] = "12.345"
    dirty[60][5], dirty[60][8] = "0", "lost"
    dirty[70] = dirty[70][:6]
    write(f"{folder}/shop_2026-11-04.csv", ORDER, dirty)
    expect(f"{folder}/shop_2026-11-04.csv", "partly", 300, 7)

    wrong = orders(rng, 1051, 40, date(2026, 11, 5))
    for row in wrong[::2]:
        row[6] = row[6].replace(".", ",")
    write(f"{folder}/till_export_2026-11-05.csv", ORDER, wrong)
    expect(f"{folder}/till_export_2026-11-05.csv", "quarantined", 40, 20)
    EXPECTED[f"{folder}/till_export_2026-11-05.csv"]["loaded"] = 0

    write(f"{folder}/shop_2026-11-02_copy.csv", ORDER, first)
    EXPECTED[f"{folder}/shop_2026-11-02_copy.csv"] = {
        "outcome": "repeated", "read": 0, "loaded": 0, "rejected": 0,
    }  # fmt: skip

    changed = [[*row[:8], "cancelled", *row[9:]] for row in first[:25]]
    write(f"{folder}/updates_2026-11-06.csv", ORDER, changed)
    expect(f"{folder}/updates_2026-11-06.csv", "accepted", 25, 0)


def make_inventory(rng: random.Random) -> None:
    def count(day: date, size: int) -> list[list[str]]:
        return [
            [
                day.isoformat(), rng.choice(["NORTH", "SOUTH"]), f"SKU-{10 + n}",
                str(rng.randrange(500)), str(rng.randrange(20)), f"{rng.randrange(1, 4000) / 100}",
                f"{rng.randrange(6, 20):02}:{rng.randrange(60):02}:00",
                json.dumps({"bin": f"{rng.choice('ABC')}{rng.randrange(99)}"}),
            ]
            for n in range(size)
        ]  # fmt: skip

    for name, day, size in (
        ("stock_2026-11-02.csv", date(2026, 11, 2), 80),
        ("stock_2026-11-03.csv", date(2026, 11, 3), 85),
    ):
        write(f"drop/inventory/{name}", STOCK, count(day, size))
        expect(f"drop/inventory/{name}", "accepted", size, 0)
    recount = count(date(2026, 11, 3), 90)
    recount[5][3], recount[6][7], recount[7][6] = "-4", "{bin: A1}", "25:10:00"
    write("drop/inventory/stock_2026-11-03_recount.csv", STOCK, recount)
    expect("drop/inventory/stock_2026-11-03_recount.csv", "partly", 90, 3)
    short = count(date(2026, 11, 4), 4)
    write("drop/inventory/stock_2026-11-04.csv", STOCK, short)
    expect("drop/inventory/stock_2026-11-04.csv", "quarantined", 4, 0)
    EXPECTED["drop/inventory/stock_2026-11-04.csv"]["loaded"] = 0


def payouts(rng: random.Random, partner: str, month: int, size: int) -> list[list[str]]:
    rows = []
    for n in range(size):
        gross = rng.randrange(1000, 900_000)
        fee = gross * 3 // 100
        rows.append([
            f"{partner[:3].upper()}-{month:02}-{n:04}", partner, f"2026-{month:02}-01",
            f"{gross / 100:.2f}", f"{fee / 100:.2f}", f"{(gross - fee) / 100:.2f}",
            f"ES{rng.randrange(10, 99)}{rng.randrange(10**19, 10**20)}",
            f"2026-{month:02}-{rng.randrange(10, 28)} {rng.randrange(8, 18):02}:30:00",
        ])  # fmt: skip
    return rows


def make_payouts(rng: random.Random) -> None:
    write("mail/payouts_acorn_2026-10.csv", PAYOUT, payouts(rng, "acorn", 10, 60), ";")
    expect("mail/payouts_acorn_2026-10.csv", "accepted", 60, 0)
    birch = payouts(rng, "birch", 10, 45)
    birch[3][3], birch[11][6], birch[20][7] = "1.234,50", "not an iban", "31/10/2026"
    birch[30][5] = "99999999.00"
    write("mail/payouts_birch_2026-10.csv", PAYOUT, birch, ";")
    expect("mail/payouts_birch_2026-10.csv", "partly", 45, 4)
    write("mail/payouts_cedar_2026-09.csv", PAYOUT, payouts(rng, "cedar", 9, 30), ";")
    expect("mail/payouts_cedar_2026-09.csv", "accepted", 30, 0)
    header = [name for name in PAYOUT if name != "fee"]
    rows = [row[:4] + row[5:] for row in payouts(rng, "cedar", 10, 30)]
    write("mail/payouts_cedar_2026-10.csv", header, rows, ";")
    EXPECTED["mail/payouts_cedar_2026-10.csv"] = {
        "outcome": "quarantined", "read": 0, "loaded": 0, "rejected": 0,
    }  # fmt: skip


if __name__ == "__main__":
    seeded = random.Random(20261103)
    make_orders(seeded)
    make_inventory(seeded)
    make_payouts(seeded)
    (HERE / "expected.json").write_text(json.dumps(EXPECTED, indent=2) + "\n", encoding="utf-8")
