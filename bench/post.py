"""Small channels with a fan-out of 10: accepted messages a second, and the time from send to the other's screen."""

import argparse
from collections.abc import Callable
from typing import Any

from bench.drivers import Driver
from bench.measure import CpuMeter, busy_s, percentile_ms
from bench.stage import Stage

P99_LIMIT_MS = 200
FAN_OUT = 10
_PROBE_S = 6.0
_TRIES = 5
_WARM_RATE = 200


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channels", type=int, default=40)
    parser.add_argument("--members", type=int, default=FAN_OUT, help="of each channel, the sender included")
    parser.add_argument("--rate", type=float, default=None, help="messages a second; without it the highest that holds")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--payload", type=int, default=200, help="bytes of text")
    parser.add_argument("--sequencers", type=int, default=1)
    parser.add_argument("--messages", type=int, default=0, help="message services that the gateway posts through")
    parser.add_argument("--warm", type=float, default=10, help="seconds at a low rate before: JVMs start slow")
    parser.add_argument("--lean", action="store_true", help="cluster: without the indexer and the read service")


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    stage = Stage(options.profile, sequencers=options.sequencers, messages=options.messages, whole=not options.lean)
    with stage, Driver() as client:
        people = stage.seed(options.channels * options.members)
        groups = [people[index :: options.channels] for index in range(options.channels)]
        made = stage.channels(groups)
        client.call(
            "talk",
            url=stage.product.url,
            people=[
                (person.token, [channel["stream"]])
                for channel, group in zip(made, groups, strict=True)
                for person in group
            ],
        )
        meter = CpuMeter(stage.pids() | {"client": [client.pid]})

        def at(rate: float, seconds: float) -> dict[str, Any]:
            meter.reset()
            busy = busy_s()
            said = client.call(
                "speak", rate=rate, seconds=seconds, size=options.payload, fan_out=options.members, drain_s=15.0
            )
            used = meter.used()
            row = judge(said, options.members, used)
            row["others_cores"] = round((busy_s() - busy - sum(used.values())) / said["took_s"], 2)
            say(
                f"{rate:>7.0f}/s for {seconds:>4.0f} s: accepted {row['msgs_per_s']:>7.1f}/s p50 {row['p50_ms']:>6.1f} "
                f"p99 {row['p99_ms']:>7.1f} ms  ack p99 {row['ack_p99_ms']:>7.1f} ms  lost {row['lost']}  "
                f"cores {row['cores_used']}, others {row['others_cores']} {row['refused'] or ''}{row['closed'] or ''}"
            )
            return row

        at(50, 2.0)  # the first idempotent send and the first statements are slow
        if options.warm:
            at(_WARM_RATE, options.warm)
        if options.rate:
            row = at(options.rate, options.seconds)
        else:
            meter.reset()
            said = client.call(
                "speak_closed", window=64, seconds=_PROBE_S, size=options.payload, fan_out=options.members, drain_s=15.0
            )
            rate = said["accepted"] / said["took_s"]
            say(f"with 64 messages on the way: {rate:.0f}/s")
            for _ in range(_TRIES):
                if at(rate, _PROBE_S)["ok"]:
                    row = at(rate, options.seconds)
                    if row["ok"]:
                        break
                rate *= 0.85
            else:
                row = at(rate, options.seconds)
    return {
        "channels": options.channels,
        "fan_out": options.members,
        "payload_bytes": options.payload,
        "seconds": options.seconds,
        "roles": sorted(stage.product.roles),
        **row,
        "client": "bench.fastsocket.Talker, one process",
    }


def judge(said: dict[str, Any], members: int, used: dict[str, float]) -> dict[str, Any]:
    found = said["histogram"]
    lost = said["accepted"] * members - said["delivered"] + said["gaps"]
    p99 = percentile_ms(found, 0.99)
    return {
        "rate": round(said["sent"] / said["took_s"], 1),
        "msgs_per_s": round(said["accepted"] / said["took_s"], 1),
        "deliveries_per_s": round(said["delivered"] / said["took_s"], 1),
        "p50_ms": percentile_ms(found, 0.5),
        "p99_ms": p99,
        "ack_p50_ms": percentile_ms(said["ack_histogram"], 0.5),
        "ack_p99_ms": percentile_ms(said["ack_histogram"], 0.99),
        "lost": lost,
        "unanswered": said["unanswered"],
        "repeats": said["repeats"],
        "refused": said["refused"],
        "closed": said["closed"],
        "cores_used": {name: round(value / said["took_s"], 2) for name, value in used.items()},
        "ok": p99 <= P99_LIMIT_MS and lost == 0 and not said["unanswered"] and not said["refused"],
    }
