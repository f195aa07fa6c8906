"""How the runtime starts and ends this process's gateway."""

import functools

from django.conf import settings
from prometheus_client import REGISTRY

from apps.eventlog.registry import broadcast
from apps.gateway import registry
from apps.gateway.metrics import GatewayCollector
from apps.gateway.upkeep import Upkeep
from apps.presence.metrics import PresenceCollector
from apps.reads import registry as reads


@functools.cache
def _upkeep() -> Upkeep:
    return Upkeep(registry.hub(), gateways=registry.gateways(), broadcast=broadcast, url=settings.GATEWAY_URL)


@functools.cache
def _collector() -> GatewayCollector:
    hub = registry.hub()
    collector = GatewayCollector(hub.stats, hub.gauges)
    REGISTRY.register(collector)
    if hub.presence is not None:
        REGISTRY.register(PresenceCollector(hub.presence.engine))
    return collector


def start() -> None:
    """In the event loop that serves the sockets, before the server listens."""
    _collector()
    hub = registry.hub()
    hub.start()
    if hub.presence is not None:
        hub.presence.start()
    _upkeep().start()


async def run() -> None:
    """The same as a long-running part: returns once stopped."""
    start()
    await registry.hub().stopped.wait()


async def drain(window_s: float) -> None:
    """SIGTERM: no new sockets; everyone is sent elsewhere, spread over `window_s` seconds. Then end the server."""
    await _upkeep().renew_away()
    await registry.hub().drain(window_s)
    await reads.buffer().flush()


async def stop() -> None:
    await _upkeep().stop()
    hub = registry.hub()
    if hub.presence is not None:
        await hub.presence.stop()
    await hub.stop()
    await reads.buffer().close()
