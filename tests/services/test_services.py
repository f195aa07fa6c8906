"""Whether the servers that everybody else's tests stand on start, break, come back and go away as promised."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from deploy.services import Services, ServiceUnavailable, probe
from deploy.services.cassandra import Cassandra
from deploy.services.cassandra import config as cassandra_config
from deploy.services.instance import HOST, SERVERS
from deploy.services.jvm import REPOSITORY
from deploy.services.kafka import config as kafka_config
from deploy.services.process import ProcessId, read_stat

_CREATE_TOPICS, _PRODUCE, _LIST_OFFSETS = 19, 0, 2


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    services = Services.ephemeral()
    services.start()
    yield services
    services.destroy()


@pytest.fixture
def empty() -> Iterator[Services]:
    services = Services.ephemeral()
    yield services
    services.destroy()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_answers_in_its_own_protocol(services: Services, name: str) -> None:
    assert services.running(name)
    assert services.ready(name)


def test_start_again_changes_nothing(services: Services) -> None:
    before = {name: services.process(name) for name in SERVERS}
    services.start()
    assert {name: services.process(name) for name in SERVERS} == before


def test_another_object_on_the_same_folder_rules_the_same_servers(services: Services) -> None:
    other = Services(services.root)
    assert other.urls() == services.urls()
    assert other.process("redis") == services.process("redis")


def test_urls_name_where_the_servers_listen(services: Services) -> None:
    port = services.ports
    assert services.urls() == {
        "DATABASE_URL": f"postgres://slackclone@127.0.0.1:{port['postgres']}/slackclone",
        "REDIS_URL": f"redis://127.0.0.1:{port['redis']}/0",
        "LOG_URL": f"kafka://127.0.0.1:{port['kafka']}",
        "STORE_URL": f"cassandra://127.0.0.1:{port['cassandra']}/slackclone",
    }


def test_postgres_keeps_its_rows_over_a_crash(services: Services) -> None:
    _psql(services, "CREATE TABLE IF NOT EXISTS kept (id int); INSERT INTO kept VALUES (42)")
    _crash(services, "postgres")
    assert _psql(services, "SELECT id FROM kept") == "42"


def test_the_product_owns_its_database_but_is_no_superuser(services: Services) -> None:
    query = "SELECT rolsuper, rolcreatedb, current_database() FROM pg_roles WHERE rolname = current_user"
    assert _psql(services, query) == "f|t|slackclone"


def test_redis_is_empty_after_a_crash(services: Services) -> None:
    assert _redis(services, "SET kept 42") == "+OK"
    _crash(services, "redis")
    assert _redis(services, "EXISTS kept") == ":0"


def test_kafka_keeps_acknowledged_records_over_a_crash(services: Services) -> None:
    _create_topic(services, "kept")
    _produce(services, "kept", b"42")
    _crash(services, "kafka")
    assert _end_offset(services, "kept") == 1


def test_kafka_makes_no_topic_by_itself(services: Services) -> None:
    with pytest.raises(probe.NotReadyError, match="Kafka error 3"):
        _produce(services, "never-created", b"42")


def test_cassandra_keeps_acknowledged_rows_over_a_crash(services: Services) -> None:
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    _cql(services, f"CREATE KEYSPACE kept WITH replication = {replication}")
    _cql(services, "CREATE TABLE kept.rows (id int PRIMARY KEY, text text)")
    _cql(services, "INSERT INTO kept.rows (id, text) VALUES (1, 'forty-two')")
    _crash(services, "cassandra")
    assert _cql(services, "SELECT text FROM kept.rows WHERE id = 1") == "forty-two"


def test_cassandra_starts_without_the_products_keyspace(services: Services) -> None:
    query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = 'slackclone'"
    assert _cql(services, query) == ""


@pytest.mark.parametrize("name", ["redis", "postgres"])
def test_a_paused_server_hangs_until_resumed(services: Services, name: str) -> None:
    services.pause(name)
    assert services.running(name)
    assert not services.ready(name)
    services.resume(name)
    assert services.ready(name)


def test_start_wakes_a_paused_server(services: Services) -> None:
    services.pause("redis")
    services.start("redis")
    assert services.ready("redis")


def test_stop_and_kill_leave_no_process(empty: Services) -> None:
    empty.start("postgres", "redis")
    family = _family(empty, "postgres") + _family(empty, "redis")
    assert len(family) > 3, "PostgreSQL has children, which have to go as well"
    empty.kill("postgres")
    empty.stop()
    assert not [process for process in family if process.alive()]
    assert not _processes_mentioning(empty.root)[1:], "nothing but the guard may still know the folder"


def test_stop_ends_a_paused_server(empty: Services) -> None:
    empty.start("postgres")
    family = _family(empty, "postgres")
    empty.pause("postgres")
    began = time.monotonic()
    empty.stop("postgres")
    assert time.monotonic() - began < 5, "asked to stop, not left to the kill that follows a refusal"
    assert not [process for process in family if process.alive()]


def test_destroy_removes_folder_processes_and_guard(empty: Services) -> None:
    empty.start("redis")
    empty.destroy()
    assert not empty.root.exists()
    assert not _processes_mentioning(empty.root)
    empty.destroy()


@pytest.mark.parametrize("end", [Services.stop, Services.kill, Services.pause])
@pytest.mark.parametrize("forgery", ["started", "boot"])
def test_a_reused_process_id_is_never_signalled(
    empty: Services,
    stranger: subprocess.Popen[bytes],
    end: Callable[[Services, str], None],
    forgery: str,
) -> None:
    real = ProcessId.of(stranger.pid)
    assert real
    forged = replace(real, started=real.started - 1) if forgery == "started" else replace(real, boot="another boot")
    node = empty.node("redis")
    node.directory.mkdir()
    node.record.write_text(json.dumps(asdict(forged)))

    assert not empty.running("redis")
    end(empty, "redis")

    assert stranger.poll() is None
    stat = read_stat(stranger.pid)
    assert stat
    assert stat.state != "T"


def test_a_taken_port_is_said_and_its_holder_left_alone(empty: Services) -> None:
    with socket.create_server((HOST, empty.ports["redis"])) as holder:
        with pytest.raises(ServiceUnavailable, match=r"redis: port \d+ is taken") as caught:
            empty.start("redis")
        assert caught.value.name == "redis"
        assert holder.fileno() >= 0
    assert not empty.running("redis")


def test_a_server_that_exits_is_reported_with_the_end_of_its_log(
    empty: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.services.redis.config", lambda _node: "no-such-directive yes\n")
    with pytest.raises(ServiceUnavailable, match=r"(?s)exited before it was ready.*no-such-directive"):
        empty.start("redis")
    assert not empty.running("redis")


def test_missing_jars_are_said_with_the_remedy(
    empty: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICES_CACHE", str(tmp_path))
    with pytest.raises(ServiceUnavailable, match=r"deploy\.services ensure kafka"):
        empty.start("kafka")


def test_an_unknown_name_is_refused(empty: Services) -> None:
    with pytest.raises(ServiceUnavailable, match="not one of postgres"):
        empty.start("mysql")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, None], ids=["SIGKILL", "SIGTERM", "exit"])
def test_an_ephemeral_instance_ends_with_its_owner(number: signal.Signals | None) -> None:
    script = (
        "import os, sys, time; from deploy.services import Services; services = Services.ephemeral();"
        "services.start('redis'); print(services.root, services.process('redis').pid, flush=True);"
        f"{'time.sleep(60)' if number else 'sys.exit()'}"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        root, pid = owner.stdout.readline().split()
        if number:
            owner.send_signal(number)
    folder = Path(root)
    _eventually(lambda: read_stat(int(pid)) is None and not folder.exists() and not _processes_mentioning(folder))


def test_an_instance_whose_owner_and_guard_are_gone_is_swept_up_by_the_next(empty: Services) -> None:
    empty.start("redis")
    family = _family(empty, "redis")
    for file in ("owner.json", "guard.json"):
        process = ProcessId.load(empty.root / file)
        assert process
        if file == "guard.json":
            process.send(signal.SIGKILL)
            process.wait(5)
        replace(process, boot="before the power cut").save(empty.root / file)
    Services.ephemeral().destroy()
    assert not empty.root.exists()
    assert not [process for process in family if process.alive()]


def test_command_line(empty: Services) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.services", "--root", str(empty.root), *arguments]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert run("status", "redis").returncode == 1
    assert "ready" in run("start", "redis").stdout
    assert run("status", "redis").returncode == 0
    assert f"export REDIS_URL=redis://127.0.0.1:{empty.ports['redis']}/0" in run("env").stdout.splitlines()
    assert run("stop").returncode == 0
    assert not empty.running("redis")
    assert "not one of" in run("start", "mysql").stderr


def test_three_nodes_are_told_of_each_other() -> None:
    single = Services(Path("unused"))
    cluster = [replace(single.node("kafka", index), host=f"127.0.0.{index + 1}") for index in range(3)]
    kafka = kafka_config(cluster[2], cluster)
    assert "controller.quorum.voters=1@127.0.0.1:19093,2@127.0.0.2:19093,3@127.0.0.3:19093\n" in kafka
    assert "node.id=3\n" in kafka
    assert "offsets.topic.replication.factor=3\n" in kafka
    assert "min.insync.replicas=2\n" in kafka

    cluster = [replace(single.node("cassandra", index), host=f"127.0.0.{index + 1}") for index in range(3)]
    tokens = [cassandra_config(node, cluster).split("initial_token: ")[1].split("\n")[0] for node in cluster]
    assert tokens == ["-9223372036854775808", "-3074457345618258603", "3074457345618258602"]
    assert 'seeds: "127.0.0.1:19043,127.0.0.2:19043,127.0.0.3:19043"' in cassandra_config(cluster[0], cluster)
    assert Cassandra().url(cluster[1])[1] == "cassandra://127.0.0.2:19042/slackclone"


def _crash(services: Services, name: str) -> None:
    family = _family(services, name)
    services.kill(name)
    assert not services.running(name)
    assert not [process for process in family if process.alive()]
    services.start(name)


def _family(services: Services, name: str) -> list[ProcessId]:
    process = services.process(name)
    assert process
    return process.tree()


def _processes_mentioning(root: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            command = entry.read_text().replace("\0", " ")
            if str(root) in command and entry.parent.name != str(os.getpid()):
                found.append(command)
    return found


def _eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _psql(services: Services, statement: str) -> str:
    command = ["psql", services.urls()["DATABASE_URL"], "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _redis(services: Services, command: str) -> str:
    with socket.create_connection((HOST, services.ports["redis"]), timeout=5) as connection:
        connection.sendall(f"{command}\r\n".encode())
        return connection.recv(1000).decode().strip()


def _cql(services: Services, statement: str) -> str:
    with probe.cql_session(HOST, services.ports["cassandra"]) as wire:
        return probe.cql_query(wire, statement)


def _kafka(services: Services, key: int, version: int, body: bytes) -> bytes:
    with probe.Wire(HOST, services.ports["kafka"]) as wire:
        return probe.kafka_call(wire, key, version, body)


def _create_topic(services: Services, topic: str) -> None:
    name = probe.kafka_text(topic)
    one_partition_one_replica = struct.pack("!ihii", 1, 1, 0, 0)
    body = struct.pack("!i", 1) + name + one_partition_one_replica + struct.pack("!ib", 5000, 0)
    answer = _kafka(services, _CREATE_TOPICS, 2, body)
    probe.kafka_check("CreateTopics", answer[8 + len(name) :])


def _produce(services: Services, topic: str, value: bytes) -> None:
    record = bytes([0, 0, 0, 1, len(value) * 2]) + value + b"\0"
    record = bytes([len(record) * 2]) + record
    now = int(time.time() * 1000)
    checked = struct.pack("!hiqqqhii", 0, 0, now, now, -1, -1, -1, 1) + record
    batch = struct.pack("!ibI", -1, 2, _crc32c(checked)) + checked
    batch = struct.pack("!qi", 0, len(batch)) + batch
    name = probe.kafka_text(topic)
    body = struct.pack("!hhii", -1, -1, 5000, 1) + name + struct.pack("!iii", 1, 0, len(batch)) + batch
    answer = _kafka(services, _PRODUCE, 3, body)
    probe.kafka_check("Produce", answer[4 + len(name) + 4 + 4 :])


def _end_offset(services: Services, topic: str) -> int:
    latest = -1
    name = probe.kafka_text(topic)
    body = struct.pack("!ii", -1, 1) + name + struct.pack("!iiq", 1, 0, latest)
    answer = _kafka(services, _LIST_OFFSETS, 1, body)[4 + len(name) + 4 + 4 :]
    probe.kafka_check("ListOffsets", answer)
    return int(struct.unpack_from("!q", answer, 2 + 8)[0])


def _crc32c(data: bytes) -> int:
    """CRC-32C, reflected polynomial 0x82F63B78 (RFC 3720, appendix B.4), which record batches are checked with."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 * (crc & 1))
    return crc ^ 0xFFFFFFFF
