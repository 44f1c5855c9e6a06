"""Drops: how long an idle service takes from looking to the receipt, file by file."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from celery import Celery

from bench.servers import Shared, client, emulator
from bench.setting import BUCKET, write_setting
from bench.shapes import Made
from bench.waybill_run import apply, ask, await_told, discover, until, worker

_ENDS_SECONDS = 60.0
_DONE = "SELECT COUNT(*) FROM files WHERE feed = ? AND status = 'done'"


def measure_drops(made: Made, warm: Made, servers: Shared, folder: Path) -> list[float]:
    """Drop a shape's files one after the other, each once the one before is answered; the seconds
    from `discover` to the receipt of each."""
    folder.mkdir(parents=True)
    bucket, name = client(servers.s3), made.shape.name
    with emulator(folder / "bigquery") as warehouse:
        config = write_setting(folder, made.shape, warm.shape, servers, warehouse.url)
        apply(config)
        ledger, app = folder / "ledger.db", Celery("bench", broker=servers.redis_url)
        with worker(config, 2) as process:
            discover(app, "warm")
            await_told(ledger, "warm", warm.shape.files, process)
            found = []
            for number, path in enumerate(made.paths, start=1):
                bucket.put_object(Bucket=BUCKET, Key=f"{name}/{path.name}", Body=path.read_bytes())
                begun = discover(app, name)
                until(
                    lambda number=number: ask(ledger, _DONE, name)[0][0] >= number,  # type: ignore[misc]
                    process,
                    _ENDS_SECONDS,
                    every=0.02,
                )
                ((at,),) = ask(ledger, "SELECT MAX(done_at) FROM files WHERE feed = ?", name)
                told = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
                found.append(told - begun)
                # The service is idle again before the next one comes.
                time.sleep(0.1)
    return found


def figures(seconds: list[float]) -> dict[str, float]:
    """The median, and what 95 of 100 stay below."""
    cuts = quantiles(seconds, n=100)
    return {"drop_p50": cuts[49], "drop_p95": cuts[94]}
