from __future__ import annotations

import base64
import shutil
import uuid
from signal import Signals
from typing import TYPE_CHECKING

from . import jvm, probe
from .node import Node, UnavailableError
from .process import Launch, run

if TYPE_CHECKING:
    from collections.abc import Sequence

ARTIFACTS = ("org.apache.kafka:kafka_2.13:4.4.0", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4")
JAVA = (17, 21, 25)
_LOGGING = """\
<Configuration status="WARN">
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1}: %m%n"/></Console></Appenders>
  <Loggers>
    <Logger name="kafka.server.KafkaConfig" level="WARN"/>
    <Logger name="org.apache.kafka" level="WARN"/>
    <Root level="INFO"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""


class Kafka:
    stop_signal = Signals.SIGTERM
    stop_seconds = 15.0

    def launch(self, node: Node, cluster: Sequence[Node]) -> Launch:
        settings, logging = node.directory / "server.properties", node.directory / "log4j2.xml"
        settings.write_text(config(node, cluster))
        logging.write_text(_LOGGING)
        command = [jvm.java(*JAVA), "-Xms64m", "-Xmx256m", *jvm.FRUGAL, f"-Dlog4j2.configurationFile={logging}"]
        command += ["-cp", jvm.classpath("kafka", ARTIFACTS)]
        if not (node.directory / "formatted").exists():
            _format(node, cluster, command)
        return Launch([*command, "kafka.Kafka", str(settings)], node.directory, node.log)

    def probe(self, node: Node) -> None:
        probe.kafka(node.host, node.port)

    def url(self, node: Node) -> tuple[str, str]:
        return "LOG_URL", f"kafka://{node.host}:{node.port}"


def config(node: Node, cluster: Sequence[Node]) -> str:
    """What each setting is for: README.md, "Kafka"."""
    voters = ",".join(f"{_identifier(peer)}@{peer.host}:{peer.peer_port}" for peer in cluster)
    replicas = min(3, len(cluster))
    in_sync = max(1, replicas - 1)
    return f"""\
process.roles=broker,controller
node.id={_identifier(node)}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{node.host}:{node.port},CONTROLLER://{node.host}:{node.peer_port}
advertised.listeners=PLAINTEXT://{node.host}:{node.port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={node.data}

auto.create.topics.enable=false
log.message.timestamp.type=LogAppendTime
default.replication.factor={replicas}
min.insync.replicas={in_sync}

offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=4

group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
controller.quorum.election.backoff.max.ms=300

num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=4194304
"""


def _identifier(node: Node) -> int:
    return node.index + 1


def _cluster_id(cluster: Sequence[Node]) -> str:
    """Alike on every node, and, as the tool wants it, 16 bytes in URL-safe base64 that don't begin like an option."""
    name = ",".join(f"{node.directory}" for node in cluster)
    text = base64.urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_URL, name).bytes).decode().rstrip("=")
    return "A" + text[1:]


def _format(node: Node, cluster: Sequence[Node], command: Sequence[str]) -> None:
    shutil.rmtree(node.data, ignore_errors=True)
    tool = [*command, "kafka.tools.StorageTool", "format", "-t", _cluster_id(cluster)]
    tool += ["-c", str(node.directory / "server.properties")]
    if not run(Launch(tool, node.directory, node.log)):
        raise UnavailableError("formatting the log directory failed")
    (node.directory / "formatted").touch()
