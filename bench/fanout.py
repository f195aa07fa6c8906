"""One channel, many sockets, one gateway process: the highest rate whose P99 stays within 200 ms with nothing lost.

The stock consumer runs on the same machine in the same run, in turns with the product.
"""

import argparse
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

from bench.drivers import Driver, call_all
from bench.measure import CpuMeter, percentile_ms
from bench.product import ROOT, free_port
from bench.stage import Stage

P99_LIMIT_MS = 200
# One group_send to 1,000 sockets takes about 200 ms, so stock is granted all it delivers without falling behind.
STOCK_LIMIT_MS = 2000
RATES = [50, 100, 150, 200, 300, 400, 500, 600, 700, 800, 1000, 1200, 1500]
STOCK_RATES = [1, 2, 3, 4, 5, 6, 8, 10]
UNMERGED_RATE = 50
_GIVE_UP_AFTER = 2
# Below it stock was not at its own limit but short of CPU, because others had it: a ratio would only flatter us.
_STOCK_CORES = 0.8


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5, help="of each rate that is tried")
    parser.add_argument("--payload", type=int, default=200, help="bytes of text")
    parser.add_argument("--rounds", type=int, default=3, help="product and stock in turns")
    parser.add_argument("--clients", type=int, default=1, help="receiving processes")
    parser.add_argument("--rates", type=lambda text: [float(part) for part in text.split(",")], default=None)
    parser.add_argument("--no-stock", action="store_true")


@dataclass
class Side:
    """One of the two servers: how to reach it, and its process."""

    name: str
    url: str
    pid: int
    tokens: list[str | None]
    senders: list[tuple[str | None, list[str]]]
    stream: str | None
    channel_id: str
    rates: list[float]
    limit_ms: float = P99_LIMIT_MS


def sweep(
    side: Side, listeners: list[Driver], sender: Driver, options: argparse.Namespace, say: Any
) -> list[dict[str, Any]]:
    """One row a rate; ends after two rates in a row that failed, or when sockets were lost."""
    shares = [side.tokens[index :: len(listeners)] for index in range(len(listeners))]
    call_all(
        listeners,
        "listen",
        [
            {"urls": [side.url], "tokens": share, "stream": side.stream, "source": f"127.0.0.{10 + index}"}
            for index, share in enumerate(shares)
        ],
    )
    sender.call("talk", url=side.url, people=side.senders)
    call_all(listeners, "quiet", [{}] * len(listeners))
    rows: list[dict[str, Any]] = []
    failures = 0
    for rate in side.rates:
        row = step(side, rate, listeners, sender, options)
        rows.append(row)
        say(
            f"{side.name:>8} {rate:>6g}/s  {row['deliveries_per_s']:>9,.0f} deliveries/s  p50 {row['p50_ms']:>7.1f}  "
            f"p99 {row['p99_ms']:>7.1f} ms  {row['cpu_us']:>6.2f} µs/delivery  server {row['server_cores']:.2f} cores  "
            f"client {row['client_cores']:.2f}  lost {row['missing']} {row['closed'] or ''}"
        )
        failures = 0 if row["ok"] else failures + 1
        if failures >= _GIVE_UP_AFTER or row["closed"]:
            break
    call_all(listeners, "hang_up", [{}] * len(listeners))
    sender.call("silence")
    return rows


def step(
    side: Side, rate: float, listeners: list[Driver], sender: Driver, options: argparse.Namespace
) -> dict[str, Any]:
    speak = {
        "size": options.payload,
        "channels": [side.channel_id] * len(side.senders),
        "drain_s": 10.0 if side.stream else 0.0,
    }
    sender.call("speak", rate=rate, seconds=1.0, **speak)
    time.sleep(0.5)
    call_all(listeners, "begin", [{}] * len(listeners))
    meter = CpuMeter({"server": [side.pid], "client": [driver.pid for driver in listeners]})
    started = time.monotonic()
    said = sender.call("speak", rate=rate, seconds=options.seconds, **speak)
    expected = said["accepted"] if side.stream else said["sent"]
    results = call_all(listeners, "finish", [{"expected": expected, "drain_s": 6.0}] * len(listeners))
    used, elapsed = meter.used(), time.monotonic() - started
    found: Counter[int] = Counter()
    for result in results:
        found.update(result["histogram"])
    deliveries = sum(result["deliveries"] for result in results)
    missing = sum(result["missing"] for result in results)
    closed: Counter[str] = Counter()
    for result in results:
        closed.update(result["closed"])
    p99 = percentile_ms(found, 0.99)
    return {
        "rate": rate,
        "sent_per_s": said["sent"] / said["took_s"],
        "accepted": said["accepted"],
        "deliveries_per_s": deliveries / said["took_s"],
        "p50_ms": percentile_ms(found, 0.5),
        "p99_ms": p99,
        "missing": missing,
        "refused": said["refused"],
        "diverged": sum(result["diverged"] for result in results),
        "closed": dict(closed),
        "cpu_us": used["server"] / deliveries * 1e6 if deliveries else float("nan"),
        "server_cores": used["server"] / elapsed,
        "client_cores": used["client"] / elapsed,
        "frames_per_read": round(deliveries / max(1, sum(result["reads"] for result in results)), 1),
        "bytes_per_delivery": round(sum(result["bytes"] for result in results) / max(1, deliveries)),
        "ok": p99 <= side.limit_ms and missing == 0 and not said["refused"] and not closed and said["late_ms"] < 1000,
    }


def best(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    passing = [row for row in rows if row["ok"]]
    return max(passing, key=lambda row: row["deliveries_per_s"]) if passing else None


def _stock_side(stock: "StockServer", options: argparse.Namespace) -> Side:
    return Side(
        "stock",
        f"http://127.0.0.1:{stock.port}",
        stock.process.pid,
        [None] * options.sockets,
        [(None, [])],
        None,
        "0",
        [rate * max(0.2, 1000 / options.sockets) for rate in STOCK_RATES],
        STOCK_LIMIT_MS,
    )


class StockServer:
    def __init__(self) -> None:
        self.port = free_port()
        self.process = subprocess.Popen([sys.executable, "-m", "bench.stock", str(self.port)], cwd=ROOT)
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=1).close()
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)


def run(options: argparse.Namespace, say: Any) -> dict[str, Any]:
    with ExitStack() as stack:
        # What is measured is pushing, also where the product would stop doing it.
        stage = stack.enter_context(Stage(options.profile, env={"HOT_DELIVERIES_PER_S": "0"}))
        listeners = [stack.enter_context(Driver()) for _ in range(options.clients)]
        sender = stack.enter_context(Driver())
        people = stage.seed(options.sockets + 8)
        (channel,) = stage.channels([people])
        ours = Side(
            "ours",
            stage.product.url,
            stage.product.roles["web-0"].pid,
            [person.token for person in people[: options.sockets]],
            [(person.token, []) for person in people[options.sockets :]],
            channel["stream"],
            channel["id"],
            options.rates or list(RATES),
        )
        rows: dict[str, list[list[dict[str, Any]]]] = {"ours": []}
        for number in range(options.rounds):
            say(f"round {number + 1}, ours")
            rows["ours"].append(sweep(ours, listeners, sender, options, say))
            if options.no_stock:
                continue
            say(f"round {number + 1}, stock")
            # A fresh one each time: after an overload dead channels stay in its group and cost as much as live ones.
            with StockServer() as stock:
                rows.setdefault("stock", []).append(sweep(_stock_side(stock, options), listeners, sender, options, say))
        return figures(rows, options)


def figures(rows: dict[str, list[list[dict[str, Any]]]], options: argparse.Namespace) -> dict[str, Any]:
    bests = {name: [found for sweep_ in rounds if (found := best(sweep_))] for name, rounds in rows.items()}
    rate = {
        name: statistics.median(row["deliveries_per_s"] for row in found) if found else 0.0
        for name, found in bests.items()
    }
    unmerged = [row["cpu_us"] for sweep_ in rows["ours"] for row in sweep_ if row["rate"] == UNMERGED_RATE]
    top = bests["ours"]
    cpu = {name: statistics.median(row["cpu_us"] for row in found) for name, found in bests.items() if found}
    stock_cores = statistics.median(row["server_cores"] for row in bests["stock"]) if bests.get("stock") else 0.0
    starved = stock_cores < _STOCK_CORES
    return {
        "sockets": options.sockets,
        "payload_bytes": options.payload,
        "deliveries_per_s": round(rate["ours"]),
        "rounds": [round(row["deliveries_per_s"]) for row in top],
        "p99_ms": statistics.median(row["p99_ms"] for row in top) if top else None,
        "lost": sum(row["missing"] for row in top),
        "cpu_us_per_delivery": round(statistics.median(row["cpu_us"] for row in top), 2) if top else None,
        "cpu_us_per_delivery_unmerged": round(statistics.median(unmerged), 2) if unmerged else None,
        "frames_per_read": statistics.median(row["frames_per_read"] for row in top) if top else None,
        "bytes_per_delivery": top[0]["bytes_per_delivery"] if top else None,
        "client_cores_at_top": round(statistics.median(row["client_cores"] for row in top), 2) if top else None,
        "stock_deliveries_per_s": round(rate["stock"]) if "stock" in rate else None,
        "stock_p99_ms": statistics.median(row["p99_ms"] for row in bests["stock"]) if bests.get("stock") else None,
        "stock_cores": round(stock_cores, 2),
        "ratio_to_stock": None if starved else round(rate["ours"] / rate["stock"], 1),
        "ratio_note": "stock did not get a core to itself: the machine was shared" if starved else None,
        "cpu_ratio_to_stock": round(cpu["stock"] / cpu["ours"], 1) if len(cpu) == 2 else None,
        "cpu_ratio_to_stock_unmerged": (
            round(cpu["stock"] / statistics.median(unmerged), 1) if unmerged and "stock" in cpu else None
        ),
        "client": "bench.fastsocket.Listener: each delivery compared byte for byte, not decoded again",
        "server_process": "the gateway" if options.profile == "cluster" else "the one process, log and store included",
        "sweeps": rows,
    }
