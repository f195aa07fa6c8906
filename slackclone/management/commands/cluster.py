"""All roles of the cluster profile on this host, under one parent that restarts what ends."""

import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

_RESTART_MAX_S = 30.0
_STOP_S = 20.0


@dataclass(eq=False)
class _Child:
    role: str
    arguments: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    failures: int = 0
    restart_at: float = 0.0


class Command(BaseCommand):
    help = "Run all roles of the cluster profile together; a role that ends is restarted with back-off."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--webs", type=int, default=1, help="gateway processes, all on PORT")
        parser.add_argument(
            "--services",
            type=int,
            default=1,
            help="message services, from GRPC_PORT on; 0: the gateways post themselves",
        )
        parser.add_argument("--sequencers", type=int, default=1)
        parser.add_argument("--workers", type=int, default=1)

    def handle(self, *_: Any, webs: int, services: int, sequencers: int, workers: int, **__: Any) -> None:
        if settings.EMBEDDED:
            raise CommandError("the embedded profile is one process: use serve (or set PROFILE=cluster)")
        call_command("migrate", verbosity=0, interactive=False)
        ports = range(settings.GRPC_PORT, settings.GRPC_PORT + services)
        targets = ",".join(f"{_reachable(settings.GRPC_HOST)}:{port}" for port in ports)
        web = {"MESSAGE_SERVICE_URL": f"grpc://{targets}"} if services else {}
        ordinary = [group for group in settings.WORKER_QUEUES if group != "bulk"]
        children = [
            *(_Child("sequencer") for _ in range(sequencers)),
            # What is for many has processes of its own, which come last for the processor.
            *(_Child("worker", ordinary) for _ in range(workers)),
            *(_Child("worker", ["bulk"]) for _ in range(workers)),
            _Child("beat"),
            _Child("indexer"),
            _Child("readservice"),
            *(_Child("messageservice", env={"GRPC_PORT": str(port)}) for port in ports),
            *(_Child("serve", env=web) for _ in range(webs)),
        ]
        if settings.METRICS_PORT:
            for number, child in enumerate(children):
                child.env = {**child.env, "METRICS_PORT": str(settings.METRICS_PORT + number)}
        for child in children:
            self._spawn(child)
        stopping = False

        def stop(_number: int, _frame: Any) -> None:
            nonlocal stopping
            stopping = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        while not stopping:
            time.sleep(0.2)
            for child in children:
                self._tend(child)
        self._end(children)

    def _tend(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None or child.process.poll() is None:
            if child.failures and now - child.started > _RESTART_MAX_S:
                child.failures = 0
            return
        if not child.restart_at:
            wait = min(_RESTART_MAX_S, 0.5 * 2**child.failures)
            self.stderr.write(f"{child.role} ended with {child.process.returncode}; again in {wait:.1f} s")
            child.failures += 1
            child.restart_at = now + wait
        elif now >= child.restart_at:
            child.restart_at = 0.0
            self._spawn(child)

    @staticmethod
    def _spawn(child: _Child) -> None:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), child.role, *child.arguments]
        child.process = subprocess.Popen(command, env={**os.environ, **child.env}, start_new_session=True)
        child.started = time.monotonic()

    @staticmethod
    def _end(children: list[_Child]) -> None:
        # The web ends first, so that what it accepted is still posted, and sequenced.
        deadline = time.monotonic() + _STOP_S
        for web in (True, False):
            running = [child.process for child in children if child.process and (child.role == "serve") is web]
            for process in running:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
            for process in running:
                try:
                    process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def _reachable(host: str) -> str:
    """The address at which the others on this host reach what listens at `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - compared, not bound
