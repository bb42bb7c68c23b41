"""The sums as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from metrics.catalogue import BETWEEN, COUNTED, PREFIX, Counter, Histogram, counters


class Gauge(NamedTuple):
    """A number that was read just now, under a name without the prefix."""

    name: str
    help: str
    value: float


def exposition(accept: str, gauges: Sequence[Gauge] = ()) -> tuple[bytes, str]:
    """All metrics in the format that an ``Accept`` header prefers, and its content type."""
    encode, content_type = choose_encoder(accept)
    return encode(_registry(gauges)), content_type


def serve(host: str, port: int) -> WSGIServer:
    """Serve the metrics in a thread. Raises OSError when nothing can listen there."""
    server, _ = start_http_server(port, host, _registry())
    return server


def _registry(gauges: Sequence[Gauge] = ()) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Sums(gauges))
    return registry


@dataclass(frozen=True, eq=False)
class _Sums(Collector):
    gauges: Sequence[Gauge]

    def collect(self) -> Iterator[Metric]:
        for name, words, value in self.gauges:
            yield GaugeMetricFamily(PREFIX + name, words, value)
        totals = counters.totals()
        by_metric: dict[str, dict[tuple[str, ...], float]] = {}
        for key, value in sorted(totals.items()):
            name, *labels = key.split(BETWEEN)
            by_metric.setdefault(name, {})[tuple(labels)] = value
        for metric in COUNTED:
            sums = by_metric.get(metric.name, {})
            yield (
                _counter(metric, sums) if isinstance(metric, Counter) else _histogram(metric, sums)
            )


def _counter(metric: Counter, sums: Mapping[tuple[str, ...], float]) -> Metric:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for values, value in {**dict.fromkeys(metric.from_start, 0.0), **sums}.items():
        family.add_metric(values, value)
    return family


def _histogram(metric: Histogram, sums: Mapping[tuple[str, ...], float]) -> Metric:
    """Prometheus wants each bucket with all below it."""
    bounds = [*map(str, metric.bounds), "+Inf"]
    counted = accumulate(sums.get((str(bucket),), 0.0) for bucket in range(len(bounds)))
    family = HistogramMetricFamily(metric.name, metric.help)
    family.add_metric([], list(zip(bounds, counted, strict=True)), sums.get(("sum",), 0.0))
    return family
