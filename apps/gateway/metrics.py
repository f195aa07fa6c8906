"""What the gateway counts: plain integers on the hot path, read by a collector when somebody scrapes."""

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_COUNTERS = {
    "deliveries": "Events written to sockets",
    "frames_in": "Frames that came from clients",
    "errors_out": "Error frames sent",
    "refused": "Handshakes refused, the gateway being full or draining",
    "repeated": "Batches that brought nothing new",
    "repairs": "Reads of the store to fill a gap",
    "repaired": "Events found by them",
    "resyncs": "Streams of sockets that were told to fetch a snapshot",
    "checked": "Heads compared with the store",
    "tail_reads": "Reads of events from the shared tail",
    "store_reads": "Reads of events from the store",
    "signals_dropped": "Ephemeral frames kept from slow sockets",
    "slow_closes": "Sockets closed for reading too slowly",
    "silent_closes": "Sockets closed for their silence",
    "resent": "Messages written again to a socket that did not acknowledge them",
    "unacknowledged": "Messages handed over to the notifications, nobody here having acknowledged them",
    "acks_dropped": "Acknowledgements and hand-overs lost to a limit or a failure",
    "pulls": "Answers to windows that pull",
    "hints": "Places told to windows that don't",
    "switches": "Changes of a stream between push and pull",
    "cut": "Streams taken from sockets whose right to them ended",
}


class Stats:
    __slots__ = (*_COUNTERS, "ring_bytes")

    def __init__(self) -> None:
        self.deliveries = self.frames_in = self.errors_out = self.refused = self.repeated = self.repairs = 0
        self.repaired = self.resyncs = self.checked = self.store_reads = self.signals_dropped = 0
        self.slow_closes = self.silent_closes = self.cut = self.ring_bytes = 0
        self.resent = self.unacknowledged = self.acks_dropped = self.pulls = self.hints = self.switches = (
            self.tail_reads
        ) = 0


class GatewayCollector(Collector):
    """`gauges` gives the current figures by name: sockets, users, streams, queue_bytes."""

    def __init__(self, stats: Stats, gauges: Callable[[], dict[str, int]]) -> None:
        self._stats, self._gauges = stats, gauges

    def collect(self) -> Iterable[Metric]:
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"gateway_{name}", text, value=getattr(self._stats, name))
        yield GaugeMetricFamily("gateway_ring_bytes", "Frames kept for replay", value=self._stats.ring_bytes)
        for name, value in self._gauges().items():
            yield GaugeMetricFamily(f"gateway_{name}", f"Now: {name.replace('_', ' ')}", value=value)
