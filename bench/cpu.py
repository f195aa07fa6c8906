"""Server CPU per accepted message, without deliveries: nobody follows the channels."""

import argparse
from collections.abc import Callable
from typing import Any

from bench.drivers import Driver
from bench.measure import CpuMeter
from bench.stage import Stage


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--payload", type=int, default=200)
    parser.add_argument("--channels", type=int, default=20)
    parser.add_argument("--messages", type=int, default=0, help="message services that the gateway posts through")


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    with Stage(options.profile, messages=options.messages) as stage, Driver() as client:
        people = stage.seed(options.channels)
        made = stage.channels([[person] for person in people])
        client.call("talk", url=stage.product.url, people=[(person.token, []) for person in people])
        speak = {"size": options.payload, "channels": [channel["id"] for channel in made]}
        client.call("speak", rate=50, seconds=2, **speak)
        meter = CpuMeter(stage.pids())
        said = client.call("speak", rate=options.rate, seconds=options.seconds, **speak)
        used = meter.used()
    per_message = {name: round(value / max(1, said["accepted"]) * 1e6) for name, value in used.items()}
    say(f"accepted {said['accepted'] / said['took_s']:.0f}/s; µs of CPU a message: {per_message}")
    return {
        "rate": options.rate,
        "msgs_per_s": round(said["accepted"] / said["took_s"], 1),
        "refused": said["refused"],
        "cpu_us_per_message": per_message["gateway"] + per_message["messages"] + per_message["roles"],
        "cpu_us_by_process": per_message,
    }
