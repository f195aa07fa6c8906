"""Presence: traffic of a nine-o'clock storm and a working hour, against a heartbeat for each friend.

A discrete-event run: the gateways' own classes on a virtual clock, with the network, the database and Redis' network
replaced by counters. A short run over real sockets, whose trace is simulated too, says how well the bytes agree.
"""

import argparse
import asyncio
import heapq
import json
import random
import statistics
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import django

from bench.client import Json, Person
from bench.product import Product

HEARTBEAT_S = 30
SOCKET_HEADER = 4  # bytes before a text frame of usual length
FIRST_ID = 383720743260655616
# A friend's heartbeat in the frame that our own signals have, and the socket's own heartbeat, which both designs have.
_FRIEND = f'{{"t":"signal","stream":"u:{FIRST_ID}","type":"presence","data":{{"{FIRST_ID}":{{"state":"online"}}}}}}'
FRIEND_BYTES = len(_FRIEND) + SOCKET_HEADER
PING_BYTES = len('{"t":"ping","id":120}{"t":"pong","id":120}') + 2 * SOCKET_HEADER
WINDOW = 50  # people of a member list on screen
ROW_BYTES = len(json.dumps({"user_id": str(FIRST_ID), "state": "offline", "dnd": False, "status": None}))
REQUEST_BYTES = 600  # headers of a REST request and its answer
WARM_UP_S = 20
PULLS = ("member list", "profile card")

DISTRIBUTION = {
    "friends": "people whom one has direct messages with: log-normal, median 30, sigma 0.8, 300 at most; "
    "70 % of them among those who work at these hours",
    "channels": "sizes log-normal, median 12, sigma 1.5 (99 % below 500), and one channel that holds all; "
    "a member list is opened twice an hour, half the time of the channel that holds all",
    "storm": "half of all within 10 s of nine o'clock, the others spread over the rest of the minute",
    "hour": "per person: 1.5 times away and back, 0.3 times signed out and back, 1 hand-off of 1–10 s; "
    "3 profile cards of people who are not watched; 30 % have a phone that comes 4 times for 3 minutes",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--online", type=int, default=10_000)
    parser.add_argument("--gateways", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=3600, help="of the working hour, the storm's minute included")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", type=int, default=24, help="people with real sockets; 0: none")


class Device:
    """A socket of the simulation."""

    held = False

    def __init__(self, user_id: int, world: "World") -> None:
        self.user_id, self.world = user_id, world

    def tell(self, data: bytes) -> None:
        text = b'{"t":"signal","stream":"u:%d","type":"presence","data":%s}' % (self.user_id, data)
        self.world.down("signal", len(text))


@dataclass
class Traffic:
    messages: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, size: int) -> None:
        self.messages[kind] += 1
        self.bytes[kind] += size

    def totals(self) -> tuple[int, int]:
        return self.messages.total(), self.bytes.total()


class World:
    def __init__(self, gateways: int, rng: random.Random) -> None:
        from apps.presence.backends.presence_memory import MemoryPresence
        from apps.presence.engine import Engine

        self.now, self.rng = 0.0, rng
        self.traffic = Traffic()
        self.per_second: Counter[int] = Counter()
        self.per_second_bytes: Counter[int] = Counter()
        self.handlers: dict[str, list[Any]] = {}
        self.as_groups = 0
        self.events: list[tuple[float, int, Callable[[], Any]]] = []
        self.order = 0
        self.backend = MemoryPresence(clock=lambda: self.now)
        self.gateways = [
            Engine(
                f"g{index}",
                presence=lambda: self.backend,
                broadcast=lambda: self,  # type: ignore[arg-type,return-value]
                load=self.load,
                clock=lambda: self.now,
                wall=lambda: datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(seconds=self.now),
            )
            for index in range(gateways)
        ]

    # -- what the engine asks for

    async def load(self, _user_ids: Collection[int]) -> dict[int, Any]:
        return {}

    async def subscribe(self, stream: str, handler: Any) -> None:
        self.handlers.setdefault(stream, []).append(handler)

    async def unsubscribe(self, stream: str, handler: Any) -> None:
        self.handlers[stream].remove(handler)

    async def publish(self, batch: Any) -> None:
        import msgspec

        body = batch.ephemeral[0].body
        hearing = list(self.handlers.get(batch.stream, ()))
        for _ in range(1 + len(hearing)):
            self.traffic.add("between gateways", len(body) + 60)
        changed = msgspec.msgpack.decode(body)
        self.as_groups += sum(1 + sum(engine.knows(int(u)) for engine in self.gateways) for u in changed)
        for handler in hearing:
            handler(batch)

    # -- what is counted

    def down(self, kind: str, size: int) -> None:
        self.traffic.add(kind, size + SOCKET_HEADER)
        self.per_second[int(self.now)] += 1
        self.per_second_bytes[int(self.now)] += size + SOCKET_HEADER

    def at(self, when: float, act: Callable[[], Any]) -> None:
        self.order += 1
        heapq.heappush(self.events, (when, self.order, act))

    async def watch(self, engine: Any, device: Device, friends: Sequence[int]) -> None:
        frame = {"t": "watch", "id": 7, "users": [str(one) for one in friends]}
        self.traffic.add("watch", len(json.dumps(frame, separators=(",", ":"))) + SOCKET_HEADER)
        users = await engine.watch(device, friends)
        self.down("watching", len(users) + len('{"t":"watching","id":7,"users":}'))

    async def run(self, until: float) -> None:
        from apps.presence.engine import STEP_S

        while self.now < until:
            while self.events and self.events[0][0] <= self.now:
                done = heapq.heappop(self.events)[2]()
                if asyncio.iscoroutine(done):
                    await done
            for engine in self.gateways:
                await engine.step()
            self.now += STEP_S


class Human:
    """One person's hour."""

    def __init__(self, world: World, user_id: int, friends: Sequence[int]) -> None:
        self.world, self.user_id, self.friends = world, user_id, friends
        self.engine = world.gateways[user_id % len(world.gateways)]
        self.device: Device | None = None

    async def come(self) -> None:
        self.device = device = Device(self.user_id, self.world)
        self.engine.arrived(device)
        await self.world.watch(self.engine, device, self.friends)

    def go(self) -> None:
        if self.device is not None:
            self.engine.left(self.device)
            self.device = None

    def act(self, *, on: bool) -> None:
        if self.device is not None:
            self.world.traffic.add("active", len('{"t":"active","on":false}') + SOCKET_HEADER)
            self.engine.active(self.device, on=on)

    async def hand_off(self) -> None:
        self.go()
        self.engine = self.world.rng.choice(self.world.gateways)
        self.world.at(self.world.now + self.world.rng.uniform(1, 10), self.come)

    def card(self) -> None:
        """Of somebody who is not watched: a glance by REST."""
        self.world.traffic.add("profile card", REQUEST_BYTES + ROW_BYTES + 20)

    async def phone(self) -> None:
        phone = Device(self.user_id, self.world)
        self.engine.arrived(phone)
        await self.world.watch(self.engine, phone, self.friends)
        engine = self.engine
        self.world.at(self.world.now + 180, lambda: engine.left(phone))

    def members(self, size: int) -> None:
        rows = min(size, WINDOW)
        self.world.traffic.add("member list", REQUEST_BYTES + rows * (ROW_BYTES + 20))

    def plan(self, login: float, end: float, everyone: int) -> None:
        world, rng = self.world, self.world.rng

        def times(per_hour: float) -> list[float]:
            """Poisson."""
            found, moment = [], login + 5
            while (moment := moment + rng.expovariate(per_hour / 3600)) < end:
                found.append(moment)
            return found

        world.at(login, self.come)
        for moment in times(1.5):
            world.at(moment, lambda: self.act(on=False))
            world.at(moment + rng.uniform(60, 900), lambda: self.act(on=True))
        for moment in times(0.3):
            world.at(moment, self.go)
            world.at(moment + rng.uniform(120, 1200), self.come)
        for moment in times(1):
            world.at(moment, self.hand_off)
        for moment in times(3):
            world.at(moment, self.card)
        for moment in times(2):
            size = everyone if rng.random() < 0.5 else max(2, int(rng.lognormvariate(2.48, 1.5)))
            world.at(moment, lambda size=size: self.members(size))  # type: ignore[misc]
        if rng.random() < 0.3:
            for moment in times(4):
                world.at(moment, self.phone)


async def simulate(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    rng = random.Random(options.seed)
    world = World(options.gateways, rng)
    ids = [FIRST_ID + index for index in range(options.people)]
    online = rng.sample(ids, options.online)
    present = set(online)
    humans = []
    pairs = 0
    for user_id in online:
        count = min(300, max(1, round(rng.lognormvariate(3.4, 0.8))))
        near = round(count * 0.7)
        friends = [*dict.fromkeys(rng.choices(online, k=near) + rng.choices(ids, k=count - near))]
        friends = [one for one in friends if one != user_id]
        pairs += sum(one in present for one in friends)
        human = Human(world, user_id, friends)
        sudden = rng.random() < 0.5
        login = WARM_UP_S + (rng.uniform(0, 10) if sudden else rng.uniform(10, 60))
        human.plan(login, WARM_UP_S + options.seconds, options.people)
        humans.append(human)
    say(f"{len(humans)} people, {pairs / len(humans):.1f} friends online each")
    await world.run(WARM_UP_S + 60)
    minute = range(WARM_UP_S, WARM_UP_S + 60)
    messages = [world.per_second[second] for second in minute]
    sizes = [world.per_second_bytes[second] for second in minute]
    storm = {
        "messages": sum(messages),
        "peak_messages_per_s": max(messages),
        "bytes": sum(sizes),
        "peak_bytes_per_s": max(sizes),
        "logins_peak_to_mean": 3.0,  # as the trace has it
        "messages_peak_to_mean": round(max(messages) / statistics.mean(messages), 2),
        "bytes_peak_to_mean": round(max(sizes) / statistics.mean(sizes), 2),
    }
    say(f"storm: {storm}")
    await world.run(WARM_UP_S + options.seconds)
    # As many beats as those who are online would send, each to every friend who is online.
    beats = options.seconds / HEARTBEAT_S
    ours_messages, ours_bytes = world.traffic.totals()
    base_messages, base_bytes = pairs * beats, pairs * beats * FRIEND_BYTES
    own_beats = 2 * options.online * beats
    own_bytes = options.online * beats * PING_BYTES
    # What is pulled over REST a heartbeat for each friend does not bring at all; counted on our side only, beside.
    pulled_messages = sum(world.traffic.messages[kind] for kind in PULLS)
    pulled_bytes = sum(world.traffic.bytes[kind] for kind in PULLS)
    by_messages = 1 - (ours_messages - pulled_messages) / base_messages
    by_bytes = 1 - (ours_bytes - pulled_bytes) / base_bytes
    counts = [engine.counts for engine in world.gateways]
    return {
        "reduction": round(min(by_messages, by_bytes), 4),
        "reduction_messages": round(by_messages, 4),
        "reduction_bytes": round(by_bytes, 4),
        "reduction_with_pulls_messages": round(1 - ours_messages / base_messages, 4),
        "reduction_with_pulls_bytes": round(1 - ours_bytes / base_bytes, 4),
        "reduction_with_socket_heartbeats": round(1 - (ours_messages + own_beats) / (base_messages + own_beats), 4),
        "reduction_bytes_with_socket_heartbeats": round(1 - (ours_bytes + own_bytes) / (base_bytes + own_bytes), 4),
        "storm_peak_to_mean": max(storm["messages_peak_to_mean"], storm["bytes_peak_to_mean"]),
        "messages": ours_messages,
        "bytes": ours_bytes,
        "baseline_messages": round(base_messages),
        "baseline_bytes": round(base_bytes),
        "messages_by_kind": dict(world.traffic.messages),
        "bytes_by_kind": dict(world.traffic.bytes),
        "storm": storm,
        "friends_online": round(pairs / options.online, 1),
        "backend_writes": sum(one.writes for one in counts),
        "people_written": sum(one.written for one in counts),
        "backend_reads": sum(one.reads for one in counts),
        "deltas": sum(one.deltas for one in counts),
        "frames": sum(one.frames for one in counts),
        "between_gateways_as_a_group_each": world.as_groups,
        "distribution": DISTRIBUTION,
    }


# -- real sockets ----------------------------------------------------------------------------------------------------

ROUNDS = 8


async def real(people: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Everybody watches everybody, then all go away and come back, over and over. The same again, simulated."""
    product = Product("embedded", env={"AUTH_RATE_FACTOR": "1000"})
    await asyncio.to_thread(product.start)
    try:
        everyone = [await Person.sign_up(product.url, f"Person {index}") for index in range(people)]
        workspace = await everyone[0].workspace("Presence")
        await everyone[0].bring(workspace, *everyone[1:])
        sockets = [await person.socket() for person in everyone]
        await asyncio.sleep(3)
        for socket in sockets:
            await socket.command(
                {"t": "watch", "users": [one.id for one in everyone if one.id != socket.hello["user_id"]]}
            )
        watching = [_size(frame) for socket in sockets for frame in socket.frames if frame["t"] == "watching"]
        await _toggle(lambda index, on: sockets[index].tell({"t": "active", "on": on}), people)
        await asyncio.sleep(4)
        signals = [_size(frame) for one in sockets for frame in one.frames if frame["t"] == "signal"]
        deltas = sum(len(frame["data"]) for one in sockets for frame in one.frames if frame["t"] == "signal")
        for person in everyone:
            await person.close()
    finally:
        await asyncio.to_thread(product.close)
    world = World(1, random.Random(1))
    devices = [Device(FIRST_ID + index, world) for index in range(people)]
    for device in devices:
        world.gateways[0].arrived(device)
    await world.run(3)
    for device in devices:
        await world.watch(world.gateways[0], device, [one.user_id for one in devices if one is not device])
    for step in range(2 * ROUNDS):
        for device in devices:
            world.gateways[0].active(device, on=step % 2 == 1)
        await world.run(world.now + PAUSE_S)
    await world.run(world.now + 4)
    found = {
        "people": people,
        "bytes": sum(watching) + sum(signals),
        "frames": len(watching) + len(signals),
        "deltas": deltas,
        "simulated_bytes": sum(
            world.traffic.bytes[kind] - SOCKET_HEADER * world.traffic.messages[kind] for kind in ("watching", "signal")
        ),
        "simulated_frames": sum(world.traffic.messages[kind] for kind in ("watching", "signal")),
    }
    found["simulated_to_real_bytes"] = round(found["simulated_bytes"] / found["bytes"], 3)  # type: ignore[assignment]  # bytes are whole, a ratio is not
    say(f"real sockets: {found}")
    return found


PAUSE_S = 2.5


async def _toggle(tell: Callable[[int, bool], Any], people: int) -> None:
    for step in range(2 * ROUNDS):
        await asyncio.gather(*(tell(index, step % 2 == 1) for index in range(people)))
        await asyncio.sleep(PAUSE_S)


def _size(frame: Json) -> int:
    return len(json.dumps(frame, separators=(",", ":"), ensure_ascii=False).encode())


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slackclone.settings")
    django.setup()
    found = asyncio.run(simulate(options, say))
    if options.real:
        found["real_sockets"] = asyncio.run(real(options.real, say))
    found["method"] = "discrete events: the gateways' own classes on a virtual clock; bytes checked over real sockets"
    return found
