"""`python -m bench NAME [--json] [options]`: what the product does on this machine, measured."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from bench import big, canvas, cpu, fanout, history, hot, idle, notify, post, presence, reads, resume, ui
from bench.measure import conditions, raise_file_limit
from bench.stage import report

BENCHES: dict[str, ModuleType] = {
    "post": post,
    "history": history,
    "fanout": fanout,
    "idle": idle,
    "resume": resume,
    "cpu": cpu,
    "big": big,
    "hot": hot,
    "reads": reads,
    "canvas": canvas,
    "notify": notify,
    "presence": presence,
    "ui": ui,
}


# What keeps a round of everything within minutes.
QUICK = {
    "notify": ["--members", "10000"],
    "post": ["--seconds", "20"],
    "history": ["--messages", "100000", "--rounds", "3"],
    "fanout": ["--rounds", "1", "--seconds", "3"],
    "idle": ["--sockets", "5000"],
    "presence": ["--people", "20000", "--online", "2000", "--seconds", "1200"],
    "resume": ["--sockets", "2000"],
    "hot": ["--sockets", "3000", "--seconds", "8"],
    "ui": ["--messages", "100000", "--keys", "150", "--hour-messages", "12000"],
    "big": ["--members", "20000", "--sockets", "3000", "--seconds", "30"],
}


def run_all(profiles: list[str]) -> int:
    failed = 0
    for profile in profiles:
        for name in BENCHES:
            argv = [sys.executable, "-m", "bench", name, "--json", "--profile", profile, *QUICK.get(name, [])]
            failed += subprocess.run(argv, check=False).returncode != 0
    return 1 if failed else 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    for name, module in BENCHES.items():
        one = names.add_parser(name, help=(module.__doc__ or "").splitlines()[0], description=module.__doc__)
        one.add_argument(
            "--json", action="store_true", help="print one line of JSON and nothing else on standard output"
        )
        one.add_argument("--profile", choices=("embedded", "cluster"), default="embedded")
        one.add_argument("--out", help="also write the JSON, sweeps included, to this file")
        module.arguments(one)
    whole = names.add_parser("all", help="each of them in turn, the quick way, on both profiles; one line of JSON each")
    whole.add_argument("--profile", choices=("embedded", "cluster"), action="append")
    options = parser.parse_args(argv)
    raise_file_limit()
    if options.name == "all":
        return run_all(options.profile or ["embedded", "cluster"])
    found = conditions(profile=options.profile)

    def say(line: str) -> None:
        print(line, file=sys.stderr if options.json else sys.stdout, flush=True)

    say(f"{found['cores']} cores, load {found['load_1m']}, shared with {', '.join(found['shared_with']) or 'nobody'}")
    started = time.monotonic()
    run: Callable[[argparse.Namespace, Callable[[str], None]], dict[str, Any]] = BENCHES[options.name].run
    figures = run(options, say)
    found["took_s"] = round(time.monotonic() - started, 1)
    found["shared_with_after"] = conditions()["shared_with"]
    if options.out:
        everything = {"bench": options.name, **figures, "conditions": found}
        Path(options.out).write_text(json.dumps(everything, indent=1) + "\n")
    figures.pop("sweeps", None)
    report(options.name, figures, found, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
