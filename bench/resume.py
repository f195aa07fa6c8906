"""Thousands of sockets resume after kill -9 of their gateway, on the one left (embedded: on the restarted one)."""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bench.drivers import Driver, call_all
from bench.measure import CpuMeter, cpu_s
from bench.stage import Stage

PER_PROCESS = 17_000


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--jitter", type=float, default=5.0, help="seconds over which clients spread their first try")
    parser.add_argument("--rate", type=float, default=5, help="messages a second meanwhile")


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    cluster = options.profile == "cluster"
    with ExitStack() as stack:
        # Its followers don't pull, and after the kill all of them are at one gateway.
        env = {"HOT_DELIVERIES_PER_S": "0"}
        stage = stack.enter_context(Stage(options.profile, webs=2 if cluster else 1, env=env))
        clients = [stack.enter_context(Driver()) for _ in range(options.clients)]
        people = stage.seed(options.people + 1)
        (channel,) = stage.channels([people])
        each = -(-options.sockets // (options.people * options.clients))
        # The gateway that dies is web-0 in both profiles.
        opened = sum(
            call_all(
                clients,
                "follow",
                [
                    {
                        "url": stage.product.url_of("web-0"),
                        "fallback": stage.product.url_of("web-1" if cluster else "web-0"),
                        "tokens": [person.token for person in people[:-1]],
                        "stream": channel["stream"],
                        "source": f"127.0.0.{40 + index}",
                        "sockets_each": each,
                        "jitter_s": options.jitter,
                    }
                    for index in range(options.clients)
                ],
            )
        )
        sender = stack.enter_context(Driver())
        sender.call("talk", url=stage.product.url_of("web-1" if cluster else "web-0"), people=[(people[-1].token, [])])
        speak = {"size": 200, "channels": [channel["id"]]}
        before = sender.call("speak", rate=options.rate, seconds=2, **speak)
        say(f"{opened} sockets follow; killing their gateway")
        survivor = CpuMeter({"gateway": [stage.product.roles["web-1"].pid] if cluster else []})
        client = CpuMeter({"client": [each_client.pid for each_client in clients]})
        killed = time.monotonic()
        stage.product.kill("web-0")
        if cluster:
            sender.start("speak", rate=options.rate, seconds=options.jitter + 5, **speak)
            during = None
        else:
            stage.product.start("web-0")
        up = time.monotonic() - killed
        results = call_all(clients, "resumed", [{"deadline_s": 120.0}] * options.clients)
        cpu = survivor.used()["gateway"] if cluster else cpu_s(stage.product.roles["web-0"].pid)
        client_cpu = client.used()["client"]
        if cluster:
            during = sender.result()
        else:
            sender.call("silence")
            sender.call("talk", url=stage.product.url_of("web-0"), people=[(people[-1].token, [])])
            during = sender.call("speak", rate=options.rate, seconds=2, **speak)
        expected = before["accepted"] + during["accepted"]
        results = call_all(clients, "resumed", [{"deadline_s": 20.0, "frames": expected}] * options.clients)
    slowest = max(result["last_ns"] for result in results) / 1e9 - killed
    return {
        "sockets": opened,
        "all_resumed_s": round(slowest, 2),
        "resumed": sum(result["resumed"] for result in results),
        "cpu_ms_per_resume": round(cpu / opened * 1e3, 3),
        "client_cpu_ms_per_resume": round(client_cpu / opened * 1e3, 3),
        "gateway_up_s": round(up, 2),
        "resyncs": sum(result["resyncs"] for result in results),
        "gaps": sum(result["gaps"] for result in results),
        "repeats": sum(result["repeats"] for result in results),
        "missing": sum(result["missing"] for result in results),
        "jitter_s": options.jitter,
    }
