"""All roles of the cluster profile on this host, under one parent that restarts what ends."""

import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

_RESTART_MAX_S = 30.0
_STOP_S = 20.0


@dataclass
class _Child:
    role: list[str]
    process: "subprocess.Popen[bytes]"
    started: float
    failures: int = 0
    restart_at: float = 0.0


class Command(BaseCommand):
    help = "Run web, sequencers, workers and beat together; a role that ends is restarted with back-off."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--webs", type=int, default=1, help="gateway processes, all on PORT")
        parser.add_argument("--sequencers", type=int, default=1)
        parser.add_argument("--workers", type=int, default=1)

    def handle(self, *_: Any, webs: int, sequencers: int, workers: int, **__: Any) -> None:
        if settings.EMBEDDED:
            raise CommandError("the embedded profile is one process: use serve (or set PROFILE=cluster)")
        call_command("migrate", verbosity=0, interactive=False)
        roles = [["sequencer"]] * sequencers + [["worker"]] * workers + [["beat"]] + [["serve"]] * webs
        children = [_Child(role, self._spawn(role), time.monotonic()) for role in roles]
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
        if child.process.poll() is None:
            if child.failures and now - child.started > _RESTART_MAX_S:
                child.failures = 0
            return
        if not child.restart_at:
            wait = min(_RESTART_MAX_S, 0.5 * 2**child.failures)
            self.stderr.write(f"{child.role[0]} ended with {child.process.returncode}; again in {wait:.1f} s")
            child.failures += 1
            child.restart_at = now + wait
        elif now >= child.restart_at:
            child.restart_at = 0.0
            child.process, child.started = self._spawn(child.role), now

    @staticmethod
    def _spawn(role: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, settings.BASE_DIR / "manage.py", *role], start_new_session=True)

    @staticmethod
    def _end(children: list[_Child]) -> None:
        # The web goes first, so that what it accepted is still sequenced.
        for child in sorted(children, key=lambda child: child.role[0] != "serve"):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        for child in children:
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
