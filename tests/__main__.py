"""Runs the suites in stages and says how long each took: `make test`, and `make check` for the quick ones."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
BIN = Path(sys.executable).parent


def _npm(script: str) -> list[str]:
    return [shutil.which("npm") or "npm", "run", "--silent", script]


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
ALL = ("all suites", [*PYTEST, "--durations=15", "tests"], ROOT)


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


def _run_tests(stage: tuple[str, list[str], Path]) -> list[str]:
    name, argv, cwd = stage
    return [name] if subprocess.run(argv, cwd=cwd, check=False).returncode else []


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no servers, no browser")
    quick = parser.parse_args().quick
    started = time.monotonic()
    failed: list[str] = []
    for group in QUICK:
        failed += _run_group(group)
    failed += _run_tests(UNIT if quick else ALL)
    print(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'all green'} in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
