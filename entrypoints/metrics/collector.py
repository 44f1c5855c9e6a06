"""The collector: reads the measures each time that they are asked for, so that they are right after
a crash and need no files between processes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pipelines.operations.measures import measures
from pipelines.runtime import Runtime
from schemas.errors import WaybillError

log = logging.getLogger(__name__)


class LedgerCollector(Collector):
    """Prometheus' collector over a runtime. `queue_lengths` says how many tasks wait in each queue;
    it raises WaybillError while the broker is away."""

    def __init__(self, runtime: Runtime, queue_lengths: Callable[[], Mapping[str, int]]) -> None:
        self._runtime, self._queue_lengths = runtime, queue_lengths

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: what there is is only known when it is collected."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All measures. While ledger or broker are away, theirs are left out, and `waybill_up` of
        them is 0."""
        up = GaugeMetricFamily("waybill_up", "1 if the part answered.", labels=["part"])
        built = GaugeMetricFamily("waybill_build", "Always 1.", labels=["version"])
        built.add_metric([version("waybill")], 1)
        for part, read in (("ledger", self._of_ledger), ("broker", self._of_broker)):
            found: list[GaugeMetricFamily] = []
            try:
                found = list(read())
            except WaybillError as error:
                log.warning("the %s says nothing for metrics: %s", part, error.message)
            up.add_metric([part], float(bool(found)))
            yield from found
        yield up
        yield built

    def _of_ledger(self) -> Iterator[GaugeMetricFamily]:
        for measure in measures(self._runtime):
            names = list(measure.values[0][0]) if measure.values else []
            family = GaugeMetricFamily(measure.name, measure.says, labels=names)
            for labels, value in measure.values:
                family.add_metric(list(labels.values()), value)
            yield family

    def _of_broker(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "waybill_queue_length", "Tasks that wait in a queue.", labels=["queue"]
        )
        for name, length in self._queue_lengths().items():
            family.add_metric([name], length)
        yield family
