from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Stat:
    state: str
    parent: int
    threads: int
    started: int

    @property
    def gone(self) -> bool:
        # After SIGKILL the first thread is a zombie at once, while the others still hold ports and files.
        return self.state in "ZX" and self.threads <= 1


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, not just a number: numbers are reused, but not with the same start (clock ticks) and boot."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        stat = read_stat(pid)
        return cls(pid, stat.started, _boot()) if stat else None

    @classmethod
    def load(cls, path: Path) -> ProcessId | None:
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)))
        partial.replace(path)

    def state(self) -> str | None:
        """The state letter of proc(5), or None when this very process is gone (a zombie is gone)."""
        stat = read_stat(self.pid)
        if stat is None or stat.started != self.started or self.boot != _boot():
            return None
        if stat.gone:
            # Only reached for the recorded start time, so the exit status of somebody else's child is never taken.
            with suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
            return None
        return stat.state

    def alive(self) -> bool:
        return self.state() is not None

    def send(self, number: signal.Signals) -> bool:
        """Signal this process, or nothing at all."""
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:
            return False
        try:
            # The handle pins the process before the check, so the number can't be reused between check and signal.
            if not self.alive():
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def wait_exit(self, seconds: float) -> bool:
        """Like wait, without polling the process table; for watching a process of somebody else."""
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:
            return True
        try:
            if not self.alive():
                return True
            watch = select.poll()
            watch.register(handle, select.POLLIN)
            return bool(watch.poll(seconds * 1000))
        finally:
            os.close(handle)

    def descendants(self) -> list[ProcessId]:
        """Parents before their children."""
        boot, children = _boot(), dict[int, list[ProcessId]]()
        for entry in Path("/proc").glob("[0-9]*"):
            if stat := read_stat(int(entry.name)):
                children.setdefault(stat.parent, []).append(ProcessId(int(entry.name), stat.started, boot))
        found: list[ProcessId] = []
        frontier = [self] if self.alive() else []
        while frontier:
            frontier = [child for parent in frontier for child in children.get(parent.pid, [])]
            found += frontier
        return found

    def tree(self) -> list[ProcessId]:
        return [self, *self.descendants()]

    def memory(self) -> int:
        """Bytes resident in the tree, shared pages counted once (proportional set size)."""
        return sum(_memory(process.pid) for process in self.tree())


@dataclass(frozen=True, slots=True)
class Launch:
    argv: list[str]
    directory: Path
    log: Path
    user: str | None = None
    env: dict[str, str] = field(default_factory=dict)

    @property
    def groups(self) -> list[str] | None:
        return [self.user] if self.user else None


def spawn(launch: Launch) -> ProcessId:
    """Start a server in a session of its own, so that it survives this process and the terminal's Ctrl-C."""
    if launch.log.exists():
        launch.log.replace(launch.log.with_suffix(".previous.log"))
    with launch.log.open("wb") as log:
        process = subprocess.Popen(
            launch.argv,
            cwd=launch.directory,
            env=clean_environment() | launch.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=launch.user,
            group=launch.user,
            extra_groups=launch.groups,
        )
    started = ProcessId.of(process.pid)
    # Outliving the interpreter is the point, and reaping goes by ProcessId: keeps Popen from warning about either.
    process.returncode = 0
    if started is None:
        raise ProcessLookupError(process.pid)
    return started


def run(launch: Launch, *, stdin: bytes = b"", seconds: float = 60) -> bool:
    """Run a set-up step to its end, its output appended to the log; whether it succeeded."""
    with launch.log.open("ab") as log:
        done = subprocess.run(
            launch.argv,
            cwd=launch.directory,
            env=clean_environment() | launch.env,
            input=stdin,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
            user=launch.user,
            group=launch.user,
            extra_groups=launch.groups,
        )
    return done.returncode == 0


def clean_environment() -> dict[str, str]:
    # PGDATA, JAVA_TOOL_OPTIONS and the like in the caller's shell must not change what a server is.
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": "/"}


def terminate(*targets: tuple[ProcessId, signal.Signals, float]) -> None:
    """Ask each with its signal, kill after its seconds; none of them, nor any child they had, is left on return."""
    # No threads: this has to work from atexit, when the interpreter starts none any more.
    trees = [target.tree() for target, _number, _seconds in targets]
    for (target, number, _seconds), tree in zip(targets, trees, strict=True):
        target.send(number)
        for each in tree:
            each.send(signal.SIGCONT)
    began = time.monotonic()
    for (target, _number, seconds), tree in zip(targets, trees, strict=True):
        if target.wait(began + seconds - time.monotonic()):
            for child in tree[1:]:
                child.wait(1)
        kill(target, tree)


def kill(process: ProcessId, known: list[ProcessId] | None = None) -> None:
    # Stopped first, so that no child is born between the listing and the kill: an orphan has no parent to find it by.
    process.send(signal.SIGSTOP)
    doomed = dict.fromkeys([*(known or []), *process.tree()])
    for each in doomed:
        each.send(signal.SIGKILL)
    for each in doomed:
        each.wait(10)


def read_stat(pid: int) -> Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, UnicodeDecodeError):
        return None
    # The command name may itself hold spaces and brackets; nothing after it does.
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(state=fields[0], parent=int(fields[1]), threads=int(fields[17]), started=int(fields[19]))


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _memory(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
