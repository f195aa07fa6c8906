from __future__ import annotations

import atexit
import json
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING, Self

from . import lock, process
from .cassandra import Cassandra
from .jvm import REPOSITORY
from .kafka import Kafka
from .node import Node, Server, UnavailableError
from .postgres import Postgres
from .probe import NotReadyError
from .process import ProcessId
from .redis import Redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HOST = "127.0.0.1"
DEFAULT_ROOT = REPOSITORY / ".services"
# Below the range that the kernel takes clients' ports from, see _FREE_PORTS.
DEFAULT_PORTS = {"postgres": 15432, "redis": 16379, "kafka": 19092, "cassandra": 19042}
SERVERS: dict[str, Server] = {"postgres": Postgres(), "redis": Redis(), "kafka": Kafka(), "cassandra": Cassandra()}
# Ports that talk to other members of a cluster; in an instance they default to the port after the clients' own.
PEER_PORTS = {"kafka": "kafka-controller", "cassandra": "cassandra-storage"}
_READY_SECONDS = 90.0
_PROBE_EVERY_SECONDS = 0.05
_LOG_TAIL_LINES = 25
# Below the range that the kernel takes clients' ports from: a client that keeps dialling a killed server's port in
# that range in the end gets the very port as its own, connects to itself, and the server can't come back.
_FREE_PORTS = range(20_000, 32_000)


class ServiceUnavailable(Exception):  # noqa: N818  the name that callers were promised
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class Services:
    """The real servers on loopback. State is on disk: processes with the same root see and rule the same servers."""

    def __init__(self, root: Path = DEFAULT_ROOT, ports: dict[str, int] | None = None) -> None:
        self.root = Path(root).resolve()
        saved = _read_json(self.root / "ports.json")
        self.ports = {**DEFAULT_PORTS, **{name: int(str(port)) for name, port in saved.items()}, **(ports or {})}
        for name, peer in PEER_PORTS.items():
            self.ports.setdefault(peer, self.ports[name] + 1)
        self._cancelled = threading.Event()

    def start(self, *names: str) -> None:
        """Start what isn't running, all of them when none is named; return when each serves its clients.

        Raises ServiceUnavailable for the first that doesn't; the others are left running.
        """
        wanted = known(names)
        self.root.mkdir(parents=True, exist_ok=True)
        self._save_ports()
        self._cancelled.clear()
        with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
            starts = [pool.submit(self._start, self.node(name)) for name in wanted]
            try:
                for start in starts:
                    start.exception()
            except BaseException:
                self._cancelled.set()
                raise
        for start in starts:
            start.result()

    def stop(self, *names: str) -> None:
        """Stop these, or all; when this returns, none of their processes exists."""
        self._end(known(names), process.terminate)

    def kill(self, name: str) -> None:
        """End it the way a crash would, every process of it at once. Its data stays for the next start."""
        self._end([name], _crash)

    def pause(self, name: str) -> None:
        """Make it hang: connections stay open, nothing answers."""
        for each in self._processes(name):
            each.send(Signals.SIGSTOP)

    def resume(self, name: str) -> None:
        for each in self._processes(name):
            each.send(Signals.SIGCONT)

    def running(self, name: str) -> bool:
        """Whether its process exists, be it paused or not yet ready."""
        return self.process(name) is not None

    def ready(self, name: str) -> bool:
        """Whether it serves a client at this moment."""
        node = self.node(name)
        with suppress(NotReadyError, OSError):
            SERVERS[name].probe(node)
            return self.running(name)
        return False

    def urls(self) -> dict[str, str]:
        return dict(server.url(self.node(name)) for name, server in SERVERS.items())

    def destroy(self) -> None:
        """Stop everything and delete this instance's state; the shared cache stays."""
        if not self.root.exists():
            return
        self.stop()
        for name in SERVERS:
            shutil.rmtree(self.node(name).directory, ignore_errors=True)
        (self.root / "ports.json").unlink(missing_ok=True)
        guard = ProcessId.load(self.root / "guard.json")
        if (self.root / "owner.json").exists():
            shutil.rmtree(self.root, ignore_errors=True)
        if guard and guard.pid != os.getpid():
            process.terminate((guard, Signals.SIGTERM, 5))

    @classmethod
    def ephemeral(cls, base: Path | None = None) -> Self:
        """An instance on free ports that lives no longer than this process, however this process ends.

        On a normal exit `atexit` destroys it; a guard process does after SIGKILL or any other end that skips `atexit`.
        """
        base = (base or DEFAULT_ROOT).resolve()
        base.mkdir(parents=True, exist_ok=True)
        _sweep(base)
        root = base / f"ephemeral-{os.getpid()}-{secrets.token_hex(3)}"
        # Not tempfile's 0700: the postgres user has to pass through.
        root.mkdir(mode=0o755)
        services = cls(root, _free_ports())
        owner = ProcessId.of(os.getpid())
        if owner is None:
            raise ProcessLookupError(os.getpid())
        owner.save(root / "owner.json")
        services._save_ports()
        guard = process.spawn(
            process.Launch(
                [sys.executable, "-m", f"{__package__}.guard", str(root)],
                REPOSITORY,
                root / "guard.log",
            ),
        )
        guard.save(root / "guard.json")
        atexit.register(services._destroy_if_owner, os.getpid())
        return services

    def node(self, name: str, index: int = 0) -> Node:
        return Node(
            service=name,
            index=index,
            directory=self.root / f"{name}-{index}",
            host=HOST,
            port=self.ports[name],
            peer_port=self.ports.get(PEER_PORTS.get(name, ""), 0),
        )

    def process(self, name: str) -> ProcessId | None:
        found = ProcessId.load(self.node(name).record)
        return found if found and found.alive() else None

    def _save_ports(self) -> None:
        (self.root / "ports.json").write_text(json.dumps(self.ports, indent=1))

    def _processes(self, name: str) -> Sequence[ProcessId]:
        found = self.process(name)
        return found.tree() if found else ()

    def _start(self, node: Node) -> None:
        server, spawned = SERVERS[node.service], None
        try:
            with self._locked(node):
                running = self.process(node.service)
                if running is None:
                    _require_free(node)
                    node.directory.mkdir(exist_ok=True)
                    running = spawned = process.spawn(server.launch(node, [node]))
                    running.save(node.record)
                elif running.state() == "T":
                    self.resume(node.service)
            self._await_ready(server, node, running)
        except (UnavailableError, OSError, subprocess.TimeoutExpired) as error:
            if spawned:
                self._end([node.service], _crash)
            raise ServiceUnavailable(node.service, f"{error}{_tail(node.log)}") from error

    def _await_ready(self, server: Server, node: Node, running: ProcessId) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                server.probe(node)
            except (NotReadyError, OSError) as error:
                last = error
            else:
                return
            if not running.alive():
                raise UnavailableError("exited before it was ready")
            if time.monotonic() > deadline:
                raise UnavailableError(f"not ready after {_READY_SECONDS:.0f} s: {last}")
            if self._cancelled.wait(_PROBE_EVERY_SECONDS):
                raise UnavailableError("start was interrupted")

    def _end(self, names: Sequence[str], end: Callable[..., None]) -> None:
        if not self.root.exists():
            return
        with ExitStack() as locks:
            # In one order for everybody, so that two who stop several can't wait for each other.
            for name in sorted(names):
                locks.enter_context(self._locked(self.node(name)))
            found = {name: found for name in names if (found := self.process(name))}
            end(*((found[name], SERVERS[name].stop_signal, SERVERS[name].stop_seconds) for name in found))
            for name in names:
                self.node(name).record.unlink(missing_ok=True)

    def _locked(self, node: Node) -> lock.Held:
        return lock.Held(self.root / f"{node.service}-{node.index}.lock")

    def _destroy_if_owner(self, owner: int) -> None:
        # A forked child inherits the exit handlers, but not the servers.
        if os.getpid() == owner:
            self.destroy()


def _crash(*targets: tuple[ProcessId, Signals, float]) -> None:
    for target, _number, _seconds in targets:
        process.kill(target)


def known(names: Sequence[str]) -> list[str]:
    for name in names:
        if name not in SERVERS:
            raise ServiceUnavailable(name, f"not one of {', '.join(SERVERS)}")
    return list(dict.fromkeys(names or SERVERS))


def _sweep(base: Path) -> None:
    """Clear up after owners whose guard died with them, as when the machine lost power."""
    for root in base.glob("ephemeral-*"):
        owner, guard = (ProcessId.load(root / f"{who}.json") for who in ("owner", "guard"))
        if owner and guard and not owner.alive() and not guard.alive():
            Services(root).destroy()


def _free_ports() -> dict[str, int]:
    free = _shuffled_free_ports()
    return {name: next(free) for name in (*DEFAULT_PORTS, *PEER_PORTS.values())}


def _shuffled_free_ports() -> Iterator[int]:
    for port in random.sample(_FREE_PORTS, len(_FREE_PORTS)):
        if _bindable(port):
            yield port


def _bindable(port: int) -> bool:
    with socket.socket() as listener:
        # As the servers themselves do: a connection in TIME_WAIT is no obstacle.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def _require_free(node: Node) -> None:
    for port in filter(None, (node.port, node.peer_port)):
        if not _bindable(port):
            raise UnavailableError(f"port {port} is taken by a process that isn't ours")


def _tail(log: Path) -> str:
    with suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join(["", f"the end of {log}:", *lines])
    return ""


def _read_json(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
