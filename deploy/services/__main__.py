from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

from .instance import DEFAULT_ROOT, SERVERS, Services, ServiceUnavailable, known
from .node import UnavailableError
from .provision import ensure


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.services", description="The real servers, on loopback.")
    parser.add_argument("--root", type=Path, default=DEFAULT_ROOT, help="the instance's folder (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    for command, what in _COMMANDS.items():
        sub = commands.add_parser(command, help=what)
        if command not in {"env", "destroy"}:
            sub.add_argument("names", nargs="*", help=f"of {', '.join(SERVERS)} (default: all)")
    options = parser.parse_args(arguments)
    try:
        return _run(Services(options.root), options.command, getattr(options, "names", []))
    except (ServiceUnavailable, UnavailableError) as error:
        print(error, file=sys.stderr)
        return 1


_COMMANDS = {
    "start": "start and wait until each serves",
    "stop": "stop; no process is left",
    "status": "what runs, where, and how much memory it takes; exit status 1 unless all asked for are ready",
    "env": "print the URLs as export lines for a shell",
    "destroy": "stop all and delete the instance's data",
    "ensure": "install what is missing (also chromium, haproxy)",
}


def _run(services: Services, command: str, names: list[str]) -> int:
    match command:
        case "start":
            began = time.monotonic()
            services.start(*names)
            print(f"ready after {time.monotonic() - began:.1f} s")
            return _status(services, names)
        case "stop":
            services.stop(*names)
        case "status":
            return _status(services, names)
        case "env":
            for key, value in services.urls().items():
                print(f"export {key}={shlex.quote(value)}")
        case "destroy":
            services.destroy()
        case "ensure":
            print(f"installed: {', '.join(ensure(*names)) or 'nothing, all there'}")
    return 0


def _status(services: Services, names: list[str]) -> int:
    healthy = True
    for name in known(names):
        node, found = services.node(name), services.process(name)
        ready = services.ready(name)
        state = "ready" if ready else "not ready" if found else "stopped"
        if found and found.state() == "T":
            state = "paused"
        detail = f"pid {found.pid:<7} {found.memory() >> 20:>4} MiB" if found else ""
        print(f"{name:<10} {node.host}:{node.port:<6} {state:<10} {detail}".rstrip())
        healthy = healthy and ready
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
