"""A hot channel: thousands of windows, hundreds of messages a second; what it costs the server, pulled and pushed.

Pushed, so many deliveries can't be made on this machine at all, so its cost is taken at lower rates, the cheapest of
them (the higher the rate, the more frames share a write), and reckoned up: a message pushed costs that of a delivery
times the sockets.
"""

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bench.client import RestClient
from bench.drivers import Driver, call_all
from bench.measure import CpuMeter, percentile_ms, rss_bytes
from bench.stage import Seeded, Stage

OFF = {"HOT_DELIVERIES_PER_S": "0"}
SWITCH_DEADLINE_S = 60


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sockets", type=int, default=15_000)
    parser.add_argument("--people", type=int, default=500, help="who have the sockets")
    parser.add_argument("--webs", type=int, default=2, help="gateway processes (embedded: one)")
    parser.add_argument("--clients", type=int, default=2, help="client processes")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--active", type=float, default=0.1, help="share of windows that somebody looks at")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--payload", type=int, default=200)
    parser.add_argument("--push-rates", type=float, nargs="*", default=[10, 25, 50, 100])
    parser.add_argument("--push-seconds", type=float, default=8)


class House:
    """A product with the sockets in one channel."""

    def __init__(self, stack: ExitStack, options: argparse.Namespace, env: dict[str, str]) -> None:
        self.webs = options.webs if options.profile == "cluster" else 1
        self.stage = stack.enter_context(Stage(options.profile, webs=self.webs, workers=0, env=env))
        self.clients = [stack.enter_context(Driver()) for _ in range(options.clients)]
        self.sender = stack.enter_context(Driver())
        people = self.stage.seed(options.people + 4)
        (self.channel,) = self.stage.channels([people])
        self.speakers: list[Seeded] = people[options.people :]
        self.sender.call("talk", url=self.stage.product.url, people=[(one.token, []) for one in self.speakers])
        self.opened = self._open(people[: options.people], options)
        self.payload = options.payload

    def _open(self, people: list[Seeded], options: argparse.Namespace) -> int:
        each = -(-options.sockets // (options.clients * len(people)))
        common = {"urls": self.stage.web_urls, "tokens": [person.token for person in people], "sockets_each": each}
        asked = [
            common | {"stream": self.channel["stream"], "source": f"127.0.0.{80 + n}", "active": options.active}
            for n in range(options.clients)
        ]
        return sum(call_all(self.clients, "listen", asked))

    def everyone(self, name: str, **arguments: Any) -> list[Any]:
        return call_all(self.clients, name, [arguments] * len(self.clients))

    def speak(self, rate: float, seconds: float) -> dict[str, Any]:
        channels = [self.channel["id"]] * len(self.speakers)
        said: dict[str, Any] = self.sender.call(
            "speak", rate=rate, seconds=seconds, size=self.payload, channels=channels
        )
        return said

    def memory(self) -> int:
        return sum(map(rss_bytes, self.stage.pids()["gateway"]))


def pushed(options: argparse.Namespace, say: Callable[[str], None]) -> list[dict[str, Any]]:
    rows = []
    with ExitStack() as stack:
        house = House(stack, options, OFF)
        say(f"push: {house.opened:,} sockets")
        house.speak(1, 3)
        for rate in options.push_rates:
            house.everyone("quiet")
            house.everyone("begin")
            meter = CpuMeter(house.stage.pids())
            said = house.speak(rate, options.push_seconds)
            results = house.everyone("finish", expected=said["accepted"], drain_s=20.0)
            cpu = meter.used()["gateway"]
            deliveries = sum(result["deliveries"] for result in results)
            histogram: Counter[int] = Counter()
            closed = 0
            for result in results:
                histogram.update(result["histogram"])
                closed += sum(result["closed"].values())
            row = {
                "rate": rate,
                "deliveries_per_s": round(deliveries / said["took_s"]),
                "missing": sum(result["missing"] for result in results),
                "closed": closed,
                "cpu_us_per_delivery": round(cpu / max(1, deliveries) * 1e6, 2),
                "gateway_cores": round(cpu / said["took_s"], 2),
                "p99_ms": percentile_ms(histogram, 0.99),
            }
            say(f"push {row}")
            rows.append(row)
            if closed or row["missing"]:
                break
    return rows


def pulled(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    with ExitStack() as stack:
        house = House(stack, options, {})
        say(f"pull: {house.opened:,} sockets")
        before = house.memory()
        deadline = time.monotonic() + SWITCH_DEADLINE_S
        # Until every window was told; what is left of the pushes is written by then.
        while sum(modes.get("pull", 0) for modes in house.everyone("modes")) < house.opened:
            if time.monotonic() > deadline:
                raise SystemExit(f"the channel did not get hot: {house.everyone('modes')}")
            house.speak(options.rate, 2)
        house.speak(options.rate, 4)
        house.everyone("begin")
        meter = CpuMeter(house.stage.pids())
        said = house.speak(options.rate, options.seconds)
        used = meter.used()
        peak = house.memory()
        head = _head(house)
        results = house.everyone("caught_up", seq=head)
        histogram: Counter[int] = Counter()
        for result in results:
            histogram.update(result["histogram"])
        modes: Counter[str] = Counter()
        for found in house.everyone("modes"):
            modes.update(found)
    row = {
        "sockets": house.opened,
        "processes": house.webs,
        "active": sum(result["active"] for result in results),
        "accepted": said["accepted"],
        "refused": said["refused"],
        "msgs_per_s": round(said["accepted"] / said["took_s"], 1),
        "behind": sum(result["behind"] for result in results),
        "unaware": sum(result["unaware"] for result in results),
        "diverged": sum(result["diverged"] for result in results),
        "closed": sum(sum(result["closed"].values()) for result in results),
        "pulls": sum(result["pulls"] for result in results),
        "modes": dict(modes),
        "gateway_cores": round(used["gateway"] / said["took_s"], 2),
        "cpu_ms_per_message": round(used["gateway"] / max(1, said["accepted"]) * 1e3, 3),
        "active_p50_ms": percentile_ms(histogram, 0.5),
        "active_p99_ms": percentile_ms(histogram, 0.99),
        "mib_before": round(before / 2**20),
        "mib_after": round(peak / 2**20),
    }
    say(f"pull {row}")
    return row


def _head(house: House) -> int:
    async def ask() -> int:
        rest = RestClient(house.stage.product.url, house.stage.owner_token)
        try:
            return int((await rest.get(f"/v1/channels/{house.channel['id']}"))["seq"])
        finally:
            await rest.close()

    return asyncio.run(ask())


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    pull = pulled(options, say)
    rows = pushed(options, say)
    whole = [row for row in rows if not row["missing"] and not row["closed"]]
    cheapest = min((row["cpu_us_per_delivery"] for row in whole or rows), default=None)
    push_ms = None if cheapest is None else cheapest * pull["sockets"] / 1e3
    return {
        "rate": options.rate,
        **pull,
        "push_cpu_us_per_delivery": cheapest,
        "push_cpu_ms_per_message": None if push_ms is None else round(push_ms, 3),
        "cpu_ratio_to_push": None if push_ms is None else round(pull["cpu_ms_per_message"] / push_ms, 4),
        "push": rows,
        "client": "bench.fastsocket.Window: each delivery compared byte for byte, not decoded again",
        "server_process": "the gateways, posting included"
        if options.profile == "cluster"
        else "the one process, log and store included",
    }
