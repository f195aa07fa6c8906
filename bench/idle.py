"""Live sockets on this machine, and the memory of each: idle but for their heartbeats."""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bench.drivers import Driver, call_all
from bench.measure import CpuMeter, rss_bytes
from bench.stage import Stage

# A process here may have 20,000 open files.
PER_PROCESS = 17_000


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sockets", type=int, default=15_000)
    parser.add_argument("--people", type=int, default=500, help="each has several sockets")
    parser.add_argument("--seconds", type=float, default=20, help="watched once all are there")


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    webs = -(-options.sockets // PER_PROCESS)
    if webs > 1 and options.profile == "embedded":
        raise SystemExit(f"embedded is one process: at most {PER_PROCESS} sockets; use --profile cluster")
    with ExitStack() as stack:
        stage = stack.enter_context(Stage(options.profile, webs=webs))
        clients = [stack.enter_context(Driver()) for _ in range(webs)]
        people = stage.seed(options.people)
        (channel,) = stage.channels([people])
        pids = stage.pids()["gateway"]
        time.sleep(2)
        before = sum(map(rss_bytes, pids))
        each = -(-options.sockets // (webs * options.people))
        started = time.monotonic()
        opened = sum(
            call_all(
                clients,
                "listen",
                [
                    {
                        "urls": [url],
                        "tokens": [person.token for person in people],
                        "stream": channel["stream"],
                        "source": f"127.0.0.{20 + index}",
                        "sockets_each": each,
                    }
                    for index, url in enumerate(stage.web_urls)
                ],
            )
        )
        took = time.monotonic() - started
        say(f"{opened} sockets after {took:.1f} s ({opened / took:.0f}/s)")
        meter = CpuMeter({"gateway": pids})
        call_all(clients, "begin", [{}] * webs)
        time.sleep(options.seconds)
        cpu = meter.used()["gateway"] / options.seconds
        results = call_all(clients, "finish", [{"expected": 0, "drain_s": 0.1}] * webs)
        lost = sum(sum(result["closed"].values()) for result in results)
        after = sum(map(rss_bytes, pids))
    return {
        "sockets": opened - lost,
        "closed": lost,
        "processes": webs,
        "kib_per_socket": round((after - before) / opened / 1024, 1),
        "connects_per_s": round(opened / took),
        "idle_cores": round(cpu, 3),
    }
