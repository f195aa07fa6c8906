"""Starts the product as a user would, in its own directory, and ends it in every way a machine can.

Embedded: one process. Cluster: the roles, against real servers. The processes end with this one, however it ends.
"""

import asyncio
import base64
import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit, urlunsplit

from deploy.services import Services

Profile = Literal["embedded", "cluster"]
ROOT = Path(__file__).resolve().parent.parent
START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 20.0
_PDEATHSIG = 1
_FOR_FEW = ("celery", "notify", "push", "mail")
_libc = ctypes.CDLL(None)
# The kernel ends a child when the *thread* that made it ends, so one thread, which lives as long as we do, makes them.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


class ProductError(RuntimeError):
    """The product did not do what was asked; the text has the end of its log."""


@dataclass
class Role:
    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    port: int | None = None
    process: "subprocess.Popen[bytes] | None" = None
    starts: int = field(default=0)
    log_from: int = 0

    @property
    def pid(self) -> int:
        assert self.process, f"{self.name} was never started"
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


def free_port() -> int:
    """Below the range from which the kernel takes clients' ports, so that nobody sits on it at a restart."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return port


def _die_with_parent() -> None:
    _libc.prctl(_PDEATHSIG, signal.SIGKILL)


class Product:
    """`env` adds to all roles' environment. Roles: "web-0", "sequencer-0", "worker-0" …; embedded has only "web-0".

    In the cluster search works with `indexers` only, mentions and the like with `reads` only.
    With `bulk` the workers leave what is for many to so many workers of their own, "bulk-0" ….
    With `messages` the webs post through so many message services, "messages-0" …, instead of by themselves.
    """

    def __init__(
        self,
        profile: Profile = "embedded",
        *,
        services: Services | None = None,
        directory: Path | None = None,
        env: Mapping[str, str] | None = None,
        webs: int = 1,
        sequencers: int = 1,
        workers: int = 1,
        bulk: int = 0,
        messages: int = 0,
        indexers: int = 0,
        reads: int = 0,
    ) -> None:
        self.profile = profile
        self.services = services
        self._own_directory = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="slackclone-product-"))
        self.logs = self.directory / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.name = f"t{secrets.token_hex(4)}"
        self._ports = [free_port()]
        self.env = self._environment(env or {})
        self.roles: dict[str, Role] = {}
        for index in range(messages):
            self.add_role("messages", index)
        for index in range(webs):
            self.add_role("web", index)
        if profile == "cluster":
            for index in range(sequencers):
                self.add_role("sequencer", index)
            for index in range(workers):
                self.add_role("worker", index, *(_FOR_FEW if bulk else ()))
            for index in range(bulk):
                self.add_role("bulk", index)
            for index in range(indexers):
                self.add_role("indexer", index)
            for index in range(reads):
                self.add_role("reads", index)
        self._prepared = False

    # -- what it is

    @property
    def url(self) -> str:
        return self.url_of("web-0")

    def url_of(self, role: str) -> str:
        return f"http://127.0.0.1:{self.roles[role].port}"

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        env = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ
        }
        env |= {"PROFILE": self.profile, "DATA_DIR": str(self.directory / "data"), "PYTHONUNBUFFERED": "1"}
        # One issuer of tokens for all gateways; one address makes everybody here, which no real one does.
        env |= {"PUBLIC_URL": f"http://127.0.0.1:{self._ports[0]}", "AUTH_RATE_FACTOR": "10000"}
        if self.profile == "cluster":
            if self.services is None:
                raise ValueError("the cluster profile needs services")
            urls = self.services.urls()
            env |= {
                "DATABASE_URL": _with_path(urls["DATABASE_URL"], self.name),
                "STORE_URL": _with_path(urls["STORE_URL"], self.name),
                "LOG_URL": urls["LOG_URL"],
                "LOG_TOPIC": f"{self.name}.events",
                "LOG_PARTITIONS": "4",
                # Others with the same Redis may use its first databases.
                "REDIS_URL": _with_path(urls["REDIS_URL"], "6"),
                "BROKER_URL": _with_path(urls["REDIS_URL"], "7"),
                "SECRET_KEY": secrets.token_urlsafe(48),
                "MASTER_KEYS": f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
                "JWT_KEYS": f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
            }
        return env | dict(extra)

    def add_role(
        self,
        kind: Literal["web", "messages", "sequencer", "worker", "bulk", "indexer", "reads"],
        index: int,
        *arguments: str,
    ) -> Role:
        """Declare one more role; `start(name)` runs it."""
        name = f"{kind}-{index}"
        port: int | None = None
        env = dict(self.env)
        match kind:
            case "web":
                port = self._ports.pop() if self._ports else free_port()
                env["PORT"] = str(port)
                targets = [f"127.0.0.1:{role.port}" for role in self.roles.values() if role.name.startswith("messages")]
                if targets:
                    env["MESSAGE_SERVICE_URL"] = "grpc://" + ",".join(targets)
            case "messages":
                port = free_port()
                env["GRPC_PORT"] = str(port)
            case "bulk":
                arguments = ("bulk",)
        commands = {"web": "serve", "messages": "messageservice", "reads": "readservice", "bulk": "worker"}
        command = commands.get(kind, kind)
        role = Role(name, [sys.executable, "manage.py", command, *arguments], env, self.logs / f"{name}.log", port)
        self.roles[name] = role
        return role

    # -- life

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, *names: str) -> None:
        """Start these roles, or all, and wait until each web role answers /healthz."""
        self.prepare()
        wanted = [self.roles[name] for name in names or self.roles]
        for role in wanted:
            if not role.running:
                self._spawn(role)
        for role in wanted:
            self._await_healthy(role)

    def prepare(self) -> None:
        """What an operator does once in a cluster: the database, then `manage.py migrate`."""
        if self._prepared:
            return
        if self.profile == "cluster":
            self._create_database()
            self.manage("migrate", "--noinput")
        self._prepared = True

    def manage(self, *arguments: str, timeout_s: float = 120, env: Mapping[str, str] | None = None) -> str:
        """The output of a management command in the product's environment. Raises ProductError when it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env | dict(env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
        output = done.stdout.decode(errors="replace")
        if done.returncode:
            raise ProductError(f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{output[-4000:]}")
        return output

    def kill(self, name: str = "web-0") -> None:
        """SIGKILL, and nothing left of it when this returns."""
        self._end(self.roles[name], signal.SIGKILL)

    def terminate(self, name: str = "web-0") -> int:
        """SIGTERM; its exit status."""
        return self._end(self.roles[name], signal.SIGTERM)

    def pause(self, name: str) -> None:
        os.kill(self.roles[name].pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        os.kill(self.roles[name].pid, signal.SIGCONT)

    async def restart(self, name: str = "web-0") -> None:
        """Kill -9 and start again, with the caller's event loop running on."""
        await asyncio.to_thread(self.kill, name)
        await asyncio.to_thread(self.start, name)

    def stop(self) -> None:
        """SIGTERM to all; SIGKILL to what is left after the deadline."""
        running = [role for role in self.roles.values() if role.running]
        for role in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(role.pid, signal.SIGCONT)
                os.kill(role.pid, signal.SIGTERM)
        for role in running:
            self._end(role, signal.SIGTERM)

    def close(self) -> None:
        self.stop()
        if self.profile == "cluster" and self._prepared:
            with contextlib.suppress(Exception):
                self._drop_database()
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def log_tail(self, lines: int = 40) -> str:
        parts = []
        for role in self.roles.values():
            with contextlib.suppress(OSError):
                text = role.log.read_text(errors="replace").splitlines()
                parts.append("\n".join([f"-- {role.name} ({role.log})", *text[-lines:]]))
        return "\n".join(parts)

    # -- inside

    def _spawn(self, role: Role) -> None:
        def spawn() -> "subprocess.Popen[bytes]":
            with role.log.open("ab") as log:
                role.log_from = log.tell()
                return subprocess.Popen(
                    role.argv,
                    cwd=ROOT,
                    env=dict(role.env),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_die_with_parent,  # noqa: PLW1509 - no thread of ours holds a lock over a spawn
                )

        role.process = _spawner.submit(spawn).result()
        role.starts += 1

    def _await_healthy(self, role: Role) -> None:
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            if not role.running:
                raise ProductError(f"{role.name} ended while starting\n{self.log_tail()}")
            if role.port is None:
                return
            if self._healthy(role):
                return
            if time.monotonic() > deadline:
                raise ProductError(f"{role.name} is not healthy after {START_DEADLINE_S:.0f} s\n{self.log_tail()}")
            time.sleep(0.05)

    @staticmethod
    def _healthy(role: Role) -> bool:
        if role.name.startswith("messages"):
            # It says so; asking over gRPC would bring threads into this process, which has others to start.
            return b"gRPC is at" in role.log.read_bytes()[role.log_from :]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{role.port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _end(self, role: Role, number: signal.Signals) -> int:
        process = role.process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self._end_children(process)
                raise ProductError(f"{role.name} did not end {STOP_DEADLINE_S:.0f} s after {number.name}") from None
        self._end_children(process)
        return process.returncode

    @staticmethod
    def _end_children(process: "subprocess.Popen[bytes]") -> None:
        # Its own session: whatever it started and left behind is in this group, and nothing else is.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def _create_database(self) -> None:
        self._sql(f'CREATE DATABASE "{self.name}"')

    def _drop_database(self) -> None:
        self._sql(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def _sql(self, statement: str) -> None:
        import psycopg

        assert self.services
        with psycopg.connect(self.services.urls()["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(statement.encode())


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))
