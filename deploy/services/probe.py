"""One question to each server in its own protocol, over a bare socket: no client library, no child process."""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_TIMEOUT_SECONDS = 2.0
_KAFKA_METADATA, _KAFKA_FIND_COORDINATOR, _KAFKA_API_VERSIONS, _KAFKA_INIT_PRODUCER_ID = 3, 10, 18, 22
_CQL_ERROR, _CQL_STARTUP, _CQL_READY, _CQL_QUERY, _CQL_RESULT = 0x00, 0x01, 0x02, 0x07, 0x08


class NotReadyError(Exception):
    """The server doesn't answer, or not yet with what a client needs."""


class Wire:
    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=_TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self._socket.recv(size - len(parts))
            if not part:
                raise NotReadyError("connection closed")
            parts += part
        return bytes(parts)


def redis(host: str, port: int) -> None:
    with Wire(host, port) as wire:
        wire.send(b"*1\r\n$4\r\nPING\r\n")
        answer = wire.read(7)
        if answer != b"+PONG\r\n":
            raise NotReadyError(answer.decode(errors="replace"))


def postgres(host: str, port: int, *, user: str, database: str) -> None:
    """Message flow, protocol 3.0: https://www.postgresql.org/docs/15/protocol-flow.html"""
    with Wire(host, port) as wire:
        settings = f"user\0{user}\0database\0{database}\0\0".encode()
        wire.send(struct.pack("!ii", len(settings) + 8, 3 << 16) + settings)
        _postgres_until_idle(wire)
        query = b"SELECT 1\0"
        wire.send(b"Q" + struct.pack("!i", len(query) + 4) + query)
        if b"D" not in _postgres_until_idle(wire):
            raise NotReadyError("SELECT 1 gave no row")
        wire.send(b"X\0\0\0\4")


def _postgres_until_idle(wire: Wire) -> set[bytes]:
    kinds: set[bytes] = set()
    while b"Z" not in kinds:
        kind, size = struct.unpack("!ci", wire.read(5))
        body = wire.read(size - 4)
        if kind == b"E":
            raise NotReadyError(body.replace(b"\0", b" ").decode(errors="replace"))
        kinds.add(kind)
    return kinds


def cassandra(host: str, port: int) -> str:
    """The release version."""
    with cql_session(host, port) as wire:
        return cql_query(wire, "SELECT release_version FROM system.local")


@contextmanager
def cql_session(host: str, port: int) -> Iterator[Wire]:
    """Frames of CQL native protocol 4, whose header, unlike version 5, stands alone."""
    with Wire(host, port) as wire:
        key, value = b"CQL_VERSION", b"3.0.0"
        startup = struct.pack("!HH", 1, len(key)) + key + struct.pack("!H", len(value)) + value
        if _cql(wire, _CQL_STARTUP, startup)[0] != _CQL_READY:
            raise NotReadyError("not ready after STARTUP")
        yield wire


def cql_query(wire: Wire, statement: str) -> str:
    """The first column of the first row as text, "" when there is none."""
    query = statement.encode()
    one, no_flags = 1, 0
    kind, body = _cql(wire, _CQL_QUERY, struct.pack("!i", len(query)) + query + struct.pack("!HB", one, no_flags))
    if kind != _CQL_RESULT:
        raise NotReadyError(f"unexpected answer {kind}")
    rows = 2
    if struct.unpack_from("!i", body)[0] != rows:
        return ""
    return _cql_first_value(body)


def _cql_first_value(body: bytes) -> str:
    flags, columns = struct.unpack_from("!ii", body, 4)
    at = 12
    global_table = 1
    for _ in range(2 if flags & global_table else 0):
        at += 2 + struct.unpack_from("!H", body, at)[0]
    for _ in range(columns):
        at += 2 + struct.unpack_from("!H", body, at)[0]
        at += 2
    if not struct.unpack_from("!i", body, at)[0]:
        return ""
    (size,) = struct.unpack_from("!i", body, at + 4)
    return body[at + 8 : at + 8 + size].decode()


def _cql(wire: Wire, opcode: int, body: bytes) -> tuple[int, bytes]:
    wire.send(struct.pack("!BBhBi", 4, 0, 0, opcode, len(body)) + body)
    _version, _flags, _stream, kind, size = struct.unpack("!BBhBi", wire.read(9))
    answer = wire.read(size)
    if kind == _CQL_ERROR:
        raise NotReadyError(answer[6:].decode(errors="replace"))
    return kind, answer


class Broker(NamedTuple):
    node: int
    host: str
    port: int


def kafka(host: str, port: int) -> None:
    """Ready for producers and consumer groups, not merely listening.

    Asking for a producer id and a group coordinator also makes the broker do the slow first-time work behind both
    (an id block, the offsets topic), which the first client would otherwise wait for.
    """
    with Wire(host, port) as wire:
        versions = kafka_call(wire, _KAFKA_API_VERSIONS, 0, b"")
        kafka_check("ApiVersions", versions)
        no_topics = struct.pack("!iB", 0, 0)
        brokers, controller = _kafka_cluster(kafka_call(wire, _KAFKA_METADATA, 4, no_topics))
        if controller < 0 or not any(broker.host == host and broker.port == port for broker in brokers):
            raise NotReadyError(f"not in the cluster yet: {brokers}, controller {controller}")
        no_transaction = struct.pack("!hi", -1, 60_000)
        kafka_check("InitProducerId", kafka_call(wire, _KAFKA_INIT_PRODUCER_ID, 0, no_transaction)[4:])
        kafka_check("FindCoordinator", kafka_call(wire, _KAFKA_FIND_COORDINATOR, 0, kafka_text("health")))


def kafka_call(wire: Wire, key: int, version: int, body: bytes) -> bytes:
    request = struct.pack("!hhi", key, version, 1) + kafka_text("health") + body
    wire.send(struct.pack("!i", len(request)) + request)
    (size,) = struct.unpack("!i", wire.read(4))
    return wire.read(size)[4:]


def kafka_text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!h", len(data)) + data


def kafka_check(what: str, answer: bytes) -> None:
    (error,) = struct.unpack_from("!h", answer)
    if error:
        raise NotReadyError(f"{what}: Kafka error {error}")


def _kafka_cluster(answer: bytes) -> tuple[list[Broker], int]:
    (count,) = struct.unpack_from("!i", answer, 4)
    at, brokers = 8, list[Broker]()
    for _ in range(count):
        (node,) = struct.unpack_from("!i", answer, at)
        host, at = _kafka_read_text(answer, at + 4)
        (port,) = struct.unpack_from("!i", answer, at)
        _rack, at = _kafka_read_text(answer, at + 4)
        brokers.append(Broker(node, host, port))
    _cluster, at = _kafka_read_text(answer, at)
    return brokers, struct.unpack_from("!i", answer, at)[0]


def _kafka_read_text(data: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from("!h", data, at)
    end = at + 2 + max(size, 0)
    return data[at + 2 : end].decode(), end
