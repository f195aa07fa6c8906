from __future__ import annotations

from signal import Signals
from typing import TYPE_CHECKING

from . import probe
from .node import Node, executable
from .process import Launch

if TYPE_CHECKING:
    from collections.abc import Sequence


class Redis:
    stop_signal = Signals.SIGTERM
    stop_seconds = 5.0

    def launch(self, node: Node, cluster: Sequence[Node]) -> Launch:
        del cluster
        settings = node.directory / "redis.conf"
        settings.write_text(config(node))
        return Launch([executable("redis-server", "redis-server"), str(settings)], node.directory, node.log)

    def probe(self, node: Node) -> None:
        probe.redis(node.host, node.port)

    def url(self, node: Node) -> tuple[str, str]:
        return "REDIS_URL", f"redis://{node.host}:{node.port}/0"


def config(node: Node) -> str:
    # Nothing in Redis is a system of record, so losing it on a restart is behaviour to develop against, not to hide.
    return f"""\
bind {node.host}
port {node.port}
dir {node.directory}
daemonize no
save ""
appendonly no
"""
