"""Runs the suites in stages and says how long each took: `make test`, and `make check` for the quick ones."""

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
BIN = Path(sys.executable).parent


def _npm(script: str) -> list[str]:
    return [shutil.which("npm") or "npm", "run", "--silent", script]


def _suites_besides(apart: list[str]) -> list[str]:
    """All of tests/ but these: a new suite is run without being named anywhere."""
    suites = sorted(path for path in (ROOT / "tests").iterdir() if next(path.rglob("test_*.py"), None))
    return [name for suite in suites if (name := f"tests/{suite.name}") not in apart]


# Stages of one group run side by side: each is mostly one core's work.
QUICK: list[list[tuple[str, list[str], Path]]] = [
    [
        ("lint", [str(BIN / "ruff"), "check", "-q", "."], ROOT),
        ("format", [str(BIN / "ruff"), "format", "-q", "--check", "."], ROOT),
        ("layers", [str(BIN / "lint-imports"), "--no-cache"], ROOT),
        ("front end: types and lint", _npm("check"), FRONTEND),
    ],
    [
        ("types", [str(BIN / "mypy"), "--no-error-summary", "."], ROOT),
        ("front end: tests", _npm("test"), FRONTEND),
    ],
]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-ra"]
UNIT = ("unit", [*PYTEST, "tests/unit", "tests/house"], ROOT)
# Two lanes of about the same length, each with its own servers.
APART = ["tests/flows", "tests/browser"]
NOT_APART = ["tests/flows/test_durability.py", "tests/flows/test_message_service.py"]
LANES: list[tuple[str, list[str], Path]] = [
    ("people", [*PYTEST, "--durations=15", *APART, *(f"--ignore={name}" for name in NOT_APART)], ROOT),
    (
        "rooms, ports, doors and kills",
        [*PYTEST, "--durations=15", *NOT_APART, *_suites_besides(APART)],
        ROOT,
    ),
]


def _run_group(group: list[tuple[str, list[str], Path]]) -> list[str]:
    started = time.monotonic()
    running = [
        (name, subprocess.Popen(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ))
        for name, argv, cwd in group
    ]
    failed = []
    for name, process in running:
        output, _ = process.communicate()
        took = time.monotonic() - started
        print(f"{'ok    ' if process.returncode == 0 else 'FAILED'} {name} ({took:.0f} s)", flush=True)
        if process.returncode:
            failed.append(name)
            print(output.decode(errors="replace"), flush=True)
    return failed


def _run_unit() -> list[str]:
    name, argv, cwd = UNIT
    return [name] if subprocess.run(argv, cwd=cwd, check=False).returncode else []


def _run_lanes() -> list[str]:
    """Side by side, each saying what it does as it goes; on a terminal or in a log their lines take turns."""
    started = time.monotonic()
    running = [
        (
            name,
            subprocess.Popen(
                [*argv, "-p", "no:cacheprovider"], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            ),
        )
        for name, argv, cwd in LANES
    ]
    printing = [threading.Thread(target=_relay, args=(name, process)) for name, process in running]
    for thread in printing:
        thread.start()
    failed = []
    for (name, process), thread in zip(running, printing, strict=True):
        thread.join()
        print(
            f"{'ok    ' if process.wait() == 0 else 'FAILED'} {name} ({time.monotonic() - started:.0f} s)", flush=True
        )
        if process.returncode:
            failed.append(name)
    return failed


def _relay(name: str, process: "subprocess.Popen[bytes]") -> None:
    assert process.stdout
    for line in process.stdout:
        sys.stdout.write(f"{name}: {line.decode(errors='replace')}")
        sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no servers, no browser")
    quick = parser.parse_args().quick
    started = time.monotonic()
    failed: list[str] = []
    for group in QUICK:
        failed += _run_group(group)
    failed += _run_unit() if quick else _run_lanes()
    print(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'all green'} in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
