"""Keyspace and tables, made through django-cassandra-engine from cassandra_models.py."""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from cassandra import DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.cqlengine import CQLEngineException
from cassandra.policies import RoundRobinPolicy
from django.conf import settings
from django_cassandra_engine.compat import connection, management

from apps.messaging.cassandra_models import TABLES

ERRORS = (NoHostAvailable, DriverException, CQLEngineException, OSError)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_TABLE = re.compile(r"\b(FROM|INTO|UPDATE) (" + "|".join(table.__table_name__ for table in TABLES) + r")\b")
_ALIAS = "messaging-schema"
_lock = threading.Lock()  # cqlengine keeps its connections in a module


def qualified(statement: str, keyspace: str) -> str:
    """With the keyspace before each table: prepared statements must not rest on a session's USE."""
    return _TABLE.sub(rf"\1 {keyspace}.\2", statement)


def create(hosts: Sequence[str], port: int, credentials: tuple[str, str] | None, keyspace: str) -> None:
    with _session(hosts, port, credentials, keyspace):
        factors = dict(part.partition(":")[::2] for part in settings.STORE_REPLICATION.split(","))
        if list(factors.values()) == [""]:
            management.create_keyspace_simple(keyspace, int(next(iter(factors))), connections=[_ALIAS])
        else:
            zones = {zone: int(factor) for zone, factor in factors.items()}
            management.create_keyspace_network_topology(keyspace, zones, connections=[_ALIAS])
        for table in TABLES:
            management.sync_table(table, keyspaces=[keyspace], connections=[_ALIAS])


def drop(hosts: Sequence[str], port: int, credentials: tuple[str, str] | None, keyspace: str) -> None:
    with _session(hosts, port, credentials, keyspace):
        management.drop_keyspace(keyspace, connections=[_ALIAS])


@contextlib.contextmanager
def _session(hosts: Sequence[str], port: int, credentials: tuple[str, str] | None, keyspace: str) -> Iterator[Session]:
    if not _NAME.fullmatch(keyspace):
        raise ValueError(f"{keyspace!r} can't name a keyspace")
    options: dict[str, Any] = {}
    if credentials is not None:
        options["auth_provider"] = PlainTextAuthProvider(*credentials)
    # what the package asks for before it changes a schema
    os.environ.setdefault("CQLENG_ALLOW_SCHEMA_MANAGEMENT", "1")
    cluster = Cluster(
        list(hosts),
        port=port,
        execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(load_balancing_policy=RoundRobinPolicy())},
        connect_timeout=5,
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        **options,
    )
    with _lock, contextlib.closing(_Closing(cluster)):
        session = cluster.connect()
        connection.register_connection(_ALIAS, session=session)
        try:
            yield session
        finally:
            connection.unregister_connection(_ALIAS)


class _Closing:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def close(self) -> None:
        self._cluster.shutdown()
