"""Server CPU per accepted message, without deliveries: nobody follows the channels."""

import argparse
from collections.abc import Callable
from typing import Any

from bench.drivers import Driver
from bench.measure import CpuMeter
from bench.stage import Stage

RATES = {"embedded": (500, 2000), "cluster": (500, 800)}
_WARM_S = 6.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, action="append", help="messages a second; the last is the one reported")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--payload", type=int, default=200)
    parser.add_argument("--channels", type=int, default=20)
    parser.add_argument("--messages", type=int, default=0, help="message services that the gateway posts through")
    parser.add_argument("--lean", action="store_true", help="cluster: without the indexer and the read service")


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """What a message costs falls with the rate, as more of them share a round: every figure names its rate."""
    rows: list[dict[str, Any]] = []
    with Stage(options.profile, messages=options.messages, whole=not options.lean) as stage, Driver() as client:
        people = stage.seed(options.channels)
        made = stage.channels([[person] for person in people])
        client.call("talk", url=stage.product.url, people=[(person.token, []) for person in people])
        speak = {"size": options.payload, "channels": [channel["id"] for channel in made]}
        client.call("speak", rate=200, seconds=_WARM_S, **speak)
        meter = CpuMeter(stage.pids())
        for rate in options.rate or RATES[options.profile]:
            meter.reset()
            said = client.call("speak", rate=rate, seconds=options.seconds, **speak)
            used = meter.used()
            row = judge(said, used)
            say(f"{rate:.0f}/s: accepted {row['msgs_per_s']:.0f}/s; µs of CPU a message: {row['cpu_us_by_process']}")
            rows.append({"rate": rate, **row})
    return {
        **rows[-1],
        "cpu_us_by_rate": {f"{row['rate']:.0f}": row["cpu_us_per_message"] for row in rows},
        "roles": sorted(stage.product.roles),
    }


def judge(said: dict[str, Any], used: dict[str, float]) -> dict[str, Any]:
    each = {name: round(value / max(1, said["accepted"]) * 1e6) for name, value in used.items()}
    return {
        "msgs_per_s": round(said["accepted"] / said["took_s"], 1),
        "refused": said["refused"],
        "unanswered": said["unanswered"],
        "cpu_us_per_message": each["gateway"] + each["messages"] + each["roles"],
        "cpu_us_with_servers": sum(each.values()),
        "cpu_us_by_process": each,
    }
