"""A canvas that twenty typed a million letters in: how long it takes to load, in the browser's library and here."""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apps.canvas import documents

FRONTEND = Path(__file__).resolve().parent.parent / "frontend"
_ROUNDS = 5


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--operations", type=int, default=1_000_000)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """The snapshot is made by Yjs, one operation a letter; cursors jump as people's do."""
    node = shutil.which("node")
    if node is None:
        raise SystemExit("node is not installed; `make bench` brings one")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "canvas"
        argv = [node, "scripts/canvas-trace.mjs", str(options.operations), str(file)]
        made = json.loads(subprocess.run(argv, cwd=FRONTEND, check=True, capture_output=True).stdout)
        snapshot = file.read_bytes()
    say(f"{made['bytes']} bytes, {made['load_ms']:.0f} ms in Yjs ({made['load_cpu_ms']:.0f} ms of CPU)")
    return {
        "operations": options.operations,
        "snapshot_bytes": made["bytes"],
        "load_ms": round(made["load_ms"], 1),
        "load_cpu_ms": round(made["load_cpu_ms"], 1),
        "server_open_ms": round(_median(lambda: documents.missing(snapshot, bytes([0]))), 1),
        "server_compact_ms": round(_median(lambda: documents.compacted(snapshot)), 1),
        "library": "yjs in node; pycrdt in the server",
    }


def _median(work: Callable[[], object]) -> float:
    took = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work()
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)
