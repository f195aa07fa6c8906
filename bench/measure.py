"""Figures: CPU of processes from /proc, percentiles from histograms, and the conditions of a run."""

import os
import platform
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
BUCKET_NS = 100_000
Histogram = Counter[int]


def cpu_s(pid: int) -> float:
    """User and system time of a process, all its threads, in seconds; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * TICK_S


def rss_bytes(pid: int) -> int:
    """Proportional set size: shared pages counted by their share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


class CpuMeter:
    """CPU used by groups of processes since the last `reset`."""

    def __init__(self, groups: Mapping[str, Iterable[int]]) -> None:
        self._groups = {name: list(pids) for name, pids in groups.items()}
        self.reset()

    def reset(self) -> None:
        self._start = {name: sum(map(cpu_s, pids)) for name, pids in self._groups.items()}

    def used(self) -> dict[str, float]:
        return {name: sum(map(cpu_s, pids)) - self._start[name] for name, pids in self._groups.items()}


def busy_s() -> float:
    """What all processes of the machine took of its cores since it started, in seconds."""
    user, nice, system, _idle, _wait, irq, softirq, steal, *_ = (
        int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + softirq + steal) * TICK_S


def sync_ms(directory: Path, writes: int = 50) -> float:
    """The median time in which a small write becomes durable there: every acknowledgement waits for some of these."""
    times = []
    path = directory / f"sync-{os.getpid()}"
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(writes):
                file.write(b"x" * 512)
                started = time.perf_counter()
                os.fdatasync(file.fileno())
                times.append(time.perf_counter() - started)
    finally:
        path.unlink(missing_ok=True)
    return round(exact_percentile(times, 0.5) * 1000, 2)


def histogram(values_ns: Iterable[int]) -> Histogram:
    return Counter(value // BUCKET_NS for value in values_ns)


def percentile_ms(found: Mapping[int, int], share: float) -> float:
    """The upper edge of the bucket that holds it; NaN of nothing."""
    total = sum(found.values())
    if not total:
        return float("nan")
    rank, seen = share * total, 0
    for bucket in sorted(found):
        seen += found[bucket]
        if seen >= rank:
            return round((bucket + 1) * BUCKET_NS / 1e6, 2)
    return float("nan")


def exact_percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def busy_others(own: Iterable[int], seconds: float = 0.5) -> list[str]:
    """Processes, not ours, that took more than 3 % of a core just now: what shares the machine."""
    mine = set(own) | {os.getpid()}
    before = {int(entry.name): cpu_s(int(entry.name)) for entry in Path("/proc").glob("[0-9]*")}
    time.sleep(seconds)
    found = []
    for pid, used in before.items():
        share = (cpu_s(pid) - used) / seconds
        if pid not in mine and share > 0.03:
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            found.append(f"{Path(command.split(' ')[0]).name} {share:.0%}")
    return sorted(found)


def conditions(**more: Any) -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load_1m": round(os.getloadavg()[0], 2),
        "shared_with": busy_others(()),
        "sync_ms": sync_ms(Path(tempfile.gettempdir())),
        "python": platform.python_version(),
        "versions": {
            name: version(name) for name in ("django", "channels", "uvicorn", "uvloop", "websockets", "msgspec")
        },
        **more,
    }


def raise_file_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard > 0 else soft
