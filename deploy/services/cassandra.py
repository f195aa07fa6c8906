from __future__ import annotations

import os
import shutil
from signal import Signals
from typing import TYPE_CHECKING

from . import jvm, probe
from .node import Node
from .process import Launch

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYSPACE = "slackclone"
ARTIFACTS = ("org.apache.cassandra:cassandra-all:5.0.9",)
# Cassandra 5.0 sets a security manager, which later releases of Java refuse.
JAVA = (17,)
_LOGGING = """\
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %-5level %logger{0}: %msg%n</pattern></encoder>
  </appender>
  <logger name="org.apache.cassandra.config.DatabaseDescriptor" level="ERROR"/>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
"""


class Cassandra:
    stop_signal = Signals.SIGTERM
    stop_seconds = 20.0

    def launch(self, node: Node, cluster: Sequence[Node]) -> Launch:
        settings, logging = node.directory / "cassandra.yaml", node.directory / "logback.xml"
        settings.write_text(config(node, cluster))
        logging.write_text(_LOGGING)
        argv = [
            *_without_locked_memory(),
            jvm.java(*JAVA),
            *("--add-opens", "java.base/jdk.internal.ref=ALL-UNNAMED"),
            *("--add-opens", "java.base/sun.nio.ch=ALL-UNNAMED"),
            *("--add-opens", "java.base/java.io=ALL-UNNAMED"),
            *("-Xms128m", "-Xmx512m", *jvm.FRUGAL),
            f"-Dcassandra.config={settings.as_uri()}",
            f"-Dcassandra.storagedir={node.data}",
            f"-Dcassandra.logdir={node.directory}",
            f"-Dlogback.configurationFile={logging}",
            "-Dcassandra.memtable.row_overhead_size=181",
            "-Dcassandra.ring_delay_ms=500",
            "-Dcassandra.skip_wait_for_gossip_to_settle=0",
            "-Dcassandra.shutdown_announce_in_ms=0",
            *("-cp", jvm.classpath("cassandra", ARTIFACTS)),
            "org.apache.cassandra.service.CassandraDaemon",
        ]
        return Launch(argv, node.directory, node.log)

    def probe(self, node: Node) -> None:
        probe.cassandra(node.host, node.port)

    def url(self, node: Node) -> tuple[str, str]:
        return "STORE_URL", f"cassandra://{node.host}:{node.port}/{KEYSPACE}"


def config(node: Node, cluster: Sequence[Node]) -> str:
    """What each setting is for: README.md, "Cassandra"."""
    seeds = ",".join(f"{peer.host}:{peer.peer_port}" for peer in cluster)
    return f"""\
cluster_name: slackclone
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
num_tokens: 1
initial_token: {_token(node.index, len(cluster))}
auto_bootstrap: false
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "{seeds}"
listen_address: {node.host}
storage_port: {node.peer_port}
rpc_address: {node.host}
native_transport_port: {node.port}
commitlog_sync: batch
auto_snapshot: false
phi_convict_threshold: 5
"""


def _token(index: int, nodes: int) -> int:
    """Murmur3 tokens span the signed 64-bit integers: an equal share of the ring each."""
    return index * (2**64 // nodes) - 2**63


def _without_locked_memory() -> tuple[str, ...]:
    # Root may lock memory, and Cassandra then locks its whole heap, used or not.
    setpriv = shutil.which("setpriv")
    return (setpriv, "--bounding-set", "-ipc_lock", "--") if os.geteuid() == 0 and setpriv else ()
