"""@channel to 100,000 members, 90,000 of them away, a worker killed twice: recipients a second, each exactly once."""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.client import RestClient
from bench.drivers import Driver
from bench.measure import CpuMeter, percentile_ms
from bench.product import ROOT
from bench.stage import Stage

_QUIET_S = 8.0
_SAY_S = 10.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--online", type=float, default=0.1, help="share of them that is here, and without a push")
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--rate", type=float, default=20, help="messages a second in other channels meanwhile")
    parser.add_argument("--deadline-s", type=float, default=420, help="then it is reported as it is")
    parser.add_argument("--baseline-s", type=float, default=20)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    if options.profile == "embedded":
        return {"skipped": "embedded is one process: there is no worker to kill beside the chat"}
    with ExitStack() as stack:
        pushes = stack.enter_context(_process(["serve"]))
        where = json.loads(_line(pushes))
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (directory / "fcm.json").write_text(json.dumps(where["account"]))
        (directory / "key.p8").write_text(where["p8"])
        env = {
            "WEB_PUSH_HOSTS": where["web"],
            "VAPID_PRIVATE_KEY": "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
            "FCM_CREDENTIALS": str(directory / "fcm.json"),
            "FCM_URL": where["fcm"],
            "APNS_KEY": str(directory / "key.p8"),
            "APNS_KEY_ID": "KEY",
            "APNS_TEAM_ID": "TEAM",
            "APNS_TOPIC": "org.example.chat",
            "APNS_URL": where["apns"],
            "BROKER_VISIBILITY_S": "20",
        }
        stage = stack.enter_context(Stage(options.profile, env=env, workers=1, bulk=2))
        talkers = stage.seed(40)
        groups = [talkers[index::4] for index in range(4)]
        *rooms, channel = stage.channels([*groups, []])
        people = stage.seed(options.members, channel_id=channel["id"])
        stage.product.terminate("web-0")
        stage.product.start("web-0")
        here = round(options.members * options.online)
        asked = {
            "devices": [person.id for person in people[here:]],
            "online": [person.id for person in people[:here]],
            "web": where["web"],
        }
        seeder = stack.enter_context(_process(["seed"], env=stage.product.roles["web-0"].env))
        _say_to(seeder, json.dumps(asked))
        while _line(seeder).strip() != "online":
            pass
        say(f"{len(people):,} members, {here:,} of them here")
        chat = stack.enter_context(Driver())
        pairs = [(p.token, [room["stream"]]) for room, group in zip(rooms, groups, strict=True) for p in group]
        chat.call("talk", url=stage.product.url, people=pairs)
        chat.call("speak", rate=options.rate, seconds=3, size=200, fan_out=10)
        before = _p99(chat.call("speak", rate=options.rate, seconds=options.baseline_s, size=200, fan_out=10))
        say(f"chat alone: p99 {before} ms")
        wanted = options.members - here
        result = _fan_out(options, stage, chat, pushes, channel, wanted, say)
        stage.product.start("bulk-0", "bulk-1")
        return {"members": options.members, "recipients": wanted, "chat_p99_before_ms": before, **result} | {
            "chat_p99_change": round(result["chat_p99_during_ms"] / before - 1, 3)
        }


def _fan_out(
    options: argparse.Namespace,
    stage: Stage,
    chat: Driver,
    pushes: "subprocess.Popen[str]",
    channel: Any,
    wanted: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    window_s = 10.0
    chat.start("speak", rate=options.rate, seconds=window_s, size=200, fan_out=10)
    started = time.monotonic()
    _post(stage, channel)
    during: dict[int, int] = {}
    killed, chatting, found, grown = 0, started, {"pushes": 0, "distinct": 0}, started
    last, said_at = 0, started
    meter, spent = CpuMeter(stage.pids()), Counter[str]()
    while time.monotonic() - started < options.deadline_s:
        time.sleep(0.5)
        _say_to(pushes, "counts")
        found = json.loads(_line(pushes))
        if found["pushes"] > last:
            last, grown = found["pushes"], time.monotonic()
        if time.monotonic() - said_at > _SAY_S:
            said_at = time.monotonic()
            say(f"{said_at - started:>5.0f} s: {found}")
        if killed < options.kills and found["distinct"] > wanted * (killed + 1) / (options.kills + 1):
            name = f"bulk-{killed % 2}"
            spent.update(meter.used())
            stage.product.kill(name)
            stage.product.start(name)
            meter = CpuMeter(stage.pids())
            killed += 1
            say(f"{found['distinct']:,} told; {name} killed")
        if time.monotonic() - chatting > window_s + 4 and found["distinct"] < wanted:
            _add(during, chat.result())
            chatting = time.monotonic()
            chat.start("speak", rate=options.rate, seconds=window_s, size=200, fan_out=10)
        if found["distinct"] >= wanted and time.monotonic() - grown > _QUIET_S:
            break
    took = grown - started
    spent.update(meter.used())
    _add(during, chat.result())
    say(f"{found}")
    return {
        "recipients_per_s": round(found["distinct"] / took, 1),
        "took_s": round(took, 1),
        "told": found["distinct"],
        "missing": wanted - found["distinct"],
        "pushes": found["pushes"],
        "quiet_repeats": found["pushes"] - found["distinct"],
        "kills": killed,
        # everything that ran meanwhile, the messages in other channels among it
        "cpu_us_per_recipient": {name: round(used / wanted * 1e6) for name, used in spent.items()},
        "chat_p99_during_ms": percentile_ms(during, 0.99),
    }


def _post(stage: Stage, channel: Any) -> None:
    async def post() -> None:
        rest = RestClient(stage.product.url, stage.owner_token)
        await rest.post("/v1/messages", {"channel_id": channel["id"], "text": "@channel please read"})
        await rest.close()

    asyncio.run(post())


def _p99(said: dict[str, Any]) -> float:
    return percentile_ms(said["histogram"], 0.99)


def _add(total: dict[int, int], said: dict[str, Any]) -> None:
    for bucket, count in said["histogram"].items():
        total[bucket] = total.get(bucket, 0) + count


def _process(arguments: list[str], env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Its standard input is closed at the end, and it ends by that. Push services are on other machines than chat."""
    return subprocess.Popen(
        ["nice", "-n", "19", sys.executable, "-m", "bench.pushes", *arguments],
        cwd=ROOT,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a helper of the benchmark ended")
    return line


def _say_to(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
