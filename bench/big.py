"""A channel of 100,000 members, thousands of live sockets, one message a second: when has the last receiver got it?"""

import argparse
import asyncio
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import redis

from bench.client import RestClient
from bench.drivers import Driver, call_all
from bench.measure import CpuMeter, exact_percentile
from bench.stage import Stage


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--sockets", type=int, default=15_000)
    parser.add_argument("--people", type=int, default=2_500, help="who have the sockets")
    parser.add_argument("--rate", type=float, default=1)
    parser.add_argument("--seconds", type=float, default=300)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    webs = 2 if options.profile == "cluster" else 1
    with ExitStack() as stack:
        stage = stack.enter_context(Stage(options.profile, webs=webs, workers=0))
        (channel,) = stage.channels([[]])
        people = stage.seed(options.members, channel_id=channel["id"])
        say(f"{len(people):,} members")
        _forget(stage)
        clients = [stack.enter_context(Driver()) for _ in range(webs)]
        sender = stack.enter_context(Driver())
        online = people[: options.people]
        each = max(1, round(options.sockets / (webs * len(online))))
        opened = sum(
            call_all(
                clients,
                "listen",
                [
                    {
                        "urls": [url],
                        "tokens": [person.token for person in online],
                        "stream": channel["stream"],
                        "source": f"127.0.0.{60 + index}",
                        "sockets_each": each,
                    }
                    for index, url in enumerate(stage.web_urls)
                ],
            )
        )
        say(f"{opened:,} sockets")
        sender.call("talk", url=stage.product.url, people=[(people[-1].token, [])])
        speak = {"size": 200, "channels": [channel["id"]]}
        sender.call("speak", rate=1, seconds=3, **speak)
        call_all(clients, "begin", [{}] * webs)
        meter = CpuMeter(stage.pids())
        said = sender.call("speak", rate=options.rate, seconds=options.seconds, **speak)
        results = call_all(clients, "finish", [{"expected": said["accepted"]}] * webs)
        used = meter.used()
        steps = asyncio.run(_steps(stage, channel["id"], people[5].token))
    times = [result["last_ms"] for result in results]
    last = [max(found[seq] for found in times) for seq in times[0] if all(seq in found for found in times)]
    closed = sum(sum(result["closed"].values()) for result in results)
    return {
        "members": options.members,
        "sockets": opened,
        "processes": webs,
        "messages": said["accepted"],
        "last_p50_ms": round(statistics.median(last), 1),
        "last_p99_ms": round(exact_percentile(last, 0.99), 1),
        "measured": len(last),
        "closed": closed,
        "lost": sum(result["missing"] for result in results),
        "cores_used": {name: round(value / said["took_s"], 2) for name, value in used.items()},
        "steps_ms": steps,
    }


def _forget(stage: Stage) -> None:
    """The members were written behind the product's back: it must not remember how it was before."""
    if stage.services:
        redis.Redis.from_url(stage.product.env["REDIS_URL"]).flushdb()
    for name in stage.product.roles:
        if name.startswith("web"):
            stage.product.terminate(name)
    stage.product.start()


async def _steps(stage: Stage, channel_id: str, token: str) -> dict[str, float]:
    """What one member does in so large a channel, each the median of some tries, in ms."""
    rest = RestClient(stage.product.url, token)
    loop = asyncio.get_running_loop()
    calls: dict[str, tuple[str, str, Any]] = {
        "post": ("POST", "/v1/messages", {"channel_id": channel_id, "text": "hello all"}),
        "mention here": ("POST", "/v1/messages", {"channel_id": channel_id, "text": "@here and @channel"}),
        "page": ("GET", f"/v1/channels/{channel_id}/messages", None),
        "members": ("GET", f"/v1/channels/{channel_id}/members", None),
        "channels": ("GET", f"/v1/workspaces/{stage.workspace['id']}/channels", None),
        "leave": ("POST", f"/v1/channels/{channel_id}/leave", None),
        "join": ("POST", f"/v1/channels/{channel_id}/join", None),
    }
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(7):
        for name, (method, path, body) in calls.items():
            started = loop.time()
            await rest.call(method, path, body)
            found[name].append((loop.time() - started) * 1000)
    await rest.close()
    return {name: round(statistics.median(times), 1) for name, times in found.items()}
