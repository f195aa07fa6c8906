"""What the presence of this process costs, read when somebody scrapes."""

from collections.abc import Iterable
from dataclasses import fields

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from apps.presence.engine import Counts, Engine

_TEXTS = {
    "writes": "Calls that wrote who is here",
    "written": "People in them",
    "published": "Batches of changes told to other gateways",
    "published_bytes": "Bytes of them",
    "frames": "Frames of presence written to sockets",
    "frame_bytes": "Bytes of them",
    "deltas": "Changes of people in them",
    "reads": "Calls that asked who is here",
}


class PresenceCollector(Collector):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        for field in fields(Counts):
            value = getattr(self._engine.counts, field.name)
            yield CounterMetricFamily(f"presence_{field.name}", _TEXTS[field.name], value=value)
        for name, (text, value) in self._engine.gauges().items():
            yield GaugeMetricFamily(f"presence_{name}", text, value=value)
