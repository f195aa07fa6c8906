"""Last-50 pages a second from a channel of 1,000,000 messages: the first page against page 10,000, in turns."""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop

from bench.client import RestClient
from bench.measure import CpuMeter, exact_percentile
from bench.product import ROOT
from bench.stage import Stage

PAGE = 50
DEEP = 10_000


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=4, help="of each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    with Stage(options.profile) as stage:
        people = stage.seed(options.connections)
        big, small = stage.channels([people, people])
        deep = min(DEEP, options.messages // PAGE - 3)
        marked = {}
        for channel, count in ((big, options.messages), (small, 200)):
            say(f"filling a channel with {count:,} messages")
            asked = {
                "channel_id": channel["id"],
                "workspace_id": stage.workspace["id"],
                "sender_ids": [person.id for person in people],
                "count": count,
                "mark": deep * PAGE if count > deep * PAGE else 0,
            }
            done = subprocess.run(
                [sys.executable, "-m", "bench.prefill"],
                cwd=ROOT,
                env=stage.product.roles["web-0"].env,
                input=json.dumps(asked),
                text=True,
                stdout=subprocess.PIPE,
                check=True,
                timeout=3600,
            )
            marked[channel["id"]] = json.loads(done.stdout)
            say(f"took {marked[channel['id']]['took_s']} s")
        tokens = [person.token for person in people]
        meter = CpuMeter(stage.pids())
        figures: dict[str, Any] = uvloop.run(
            _measure(stage, tokens, big["id"], small["id"], marked[big["id"]]["marked"], deep, meter, options, say)
        )
        return figures


async def _measure(
    stage: Stage,
    tokens: list[str],
    big: str,
    small: str,
    marked: str,
    deep: int,
    meter: CpuMeter,
    options: argparse.Namespace,
    say: Callable[[str], None],
) -> dict[str, Any]:
    clients = [RestClient(stage.product.url, token) for token in tokens]
    # The cursor of an earlier answer, as a reader who scrolled that far would have it.
    near = await clients[0].get(f"/v1/channels/{big}/messages", limit=PAGE, before=marked)
    cursor = near["cursors"]["older"]
    targets = {
        "first": f"/v1/channels/{big}/messages?limit={PAGE}",
        "deep": f"/v1/channels/{big}/messages?limit={PAGE}&before={cursor}",
        "small": f"/v1/channels/{small}/messages?limit={PAGE}",
    }
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in targets}
    cpu: dict[str, list[float]] = {name: [] for name in targets}
    for number in range(options.rounds + 1):
        for name, target in targets.items():
            meter.reset()
            rate, times, wrong = await _turn(clients, target, options.seconds if number else 1.0)
            if wrong:
                raise RuntimeError(f"{name}: {wrong}")
            if number == 0:
                continue  # warm
            used = meter.used()
            p50, p99 = (round(exact_percentile(times, share) * 1000, 2) for share in (0.5, 0.99))
            found[name].append((rate, p50, p99))
            cpu[name].append(used["gateway"] / len(times) * 1e6)
            spent = f"{cpu[name][-1]:.0f} µs of CPU each"
            say(f"{name:>6}: {rate:>6.0f} pages/s  p50 {p50:>6.2f} p99 {p99:>6.2f} ms {spent}")
    alone = {name: await _alone(clients[0], target) for name, target in targets.items()}
    for client in clients:
        await client.close()
    median = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in found.items()}
    return {
        "messages": options.messages,
        "page": PAGE,
        "deep_page": deep,
        "connections": len(tokens),
        "pages_per_s": round(median["first"][0]),
        "p99_ms": median["first"][2],
        "deep_pages_per_s": round(median["deep"][0]),
        "deep_p99_ms": median["deep"][2],
        "small_pages_per_s": round(median["small"][0]),
        "small_p99_ms": median["small"][2],
        "deep_to_first": round(alone["deep"] / alone["first"], 2),
        "first_alone_ms": alone["first"],
        "deep_alone_ms": alone["deep"],
        "cpu_us_per_page": round(statistics.median(cpu["first"])),
        "client": "bench.http, one process on uvloop, answers not decoded",
    }


async def _turn(clients: list[RestClient], target: str, seconds: float) -> tuple[float, list[float], str]:
    times: list[float] = []
    wrong: list[str] = []
    end = time.monotonic() + seconds

    async def read(client: RestClient) -> None:
        while time.monotonic() < end and not wrong:
            started = time.monotonic()
            answer = await client.raw("GET", target)
            times.append(time.monotonic() - started)
            if answer.status != 200 or answer.body.count(b'"message_id"') != PAGE:
                wrong.append(f"{answer.status}, {answer.body.count(b'message_id')} messages: {answer.body[:200]!r}")

    started = time.monotonic()
    await asyncio.gather(*(read(client) for client in clients))
    return len(times) / (time.monotonic() - started), times, "".join(wrong[:1])


async def _alone(client: RestClient, target: str) -> float:
    """The median time of a page in ms with nobody else asking."""
    times = []
    for _ in range(200):
        started = time.monotonic()
        await client.raw("GET", target)
        times.append(time.monotonic() - started)
    return round(statistics.median(times) * 1000, 2)
