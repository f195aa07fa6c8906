"""Any interleaving of what clients, networks, the broadcast, the store and lost rights can do to sessions.

Real hubs and sessions on a virtual clock; what lies below them is doubled. Two gateways, two people with two tabs each.
A tab applies the rules of docs/protocol.md to what it reads and objects to whatever breaks them.
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from apps.accounts.principal import Principal
from apps.core.errors import NotFoundError, UnauthenticatedError, UnavailableError
from apps.eventlog.events import Batch, Ephemeral
from apps.gateway import registry, server
from apps.gateway.hub import Hub
from apps.gateway.session import Session
from tests.unit.gateway.doubles import BroadcastDouble, World, event
from tests.unit.gateway.virtual import Clock, VirtualLoop

CHANNELS = ("c:1", "c:2")
USERS = (11, 12)
TURN_S = 0.3
Frame = dict[str, Any]


class Wire(BroadcastDouble):
    """What was published lies here until a rule delivers, repeats or loses it, in any order; calm, it goes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.calm = True
        self.waiting: list[tuple[Any, Batch]] = []
        self.on_revoked: Any = None

    def emit(self, batch: Batch) -> None:
        for handler in list(self.handlers.get(batch.stream, ())):
            if self.calm:
                asyncio.get_running_loop().call_soon(self.deliver, handler, batch)
            else:
                self.waiting.append((handler, batch))

    def deliver(self, handler: Any, batch: Batch) -> None:
        if handler not in self.handlers.get(batch.stream, ()):
            return
        handler(batch)
        for ephemeral in batch.ephemeral:
            if ephemeral.type == "session.revoked":
                self.on_revoked(handler.__self__, int(ephemeral.key))


class SimulatedWorld(World):
    """Posts become events, once per client_msg_id, as the log does it. Rights are per person."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(broadcast=wire)
        self.members = {channel: set(USERS) for channel in CHANNELS}
        self.left_at: dict[tuple[int, str], int] = {}
        self.posting = "up"  # "down": refused; "dumb": done, but nobody hears so
        self.known: dict[tuple[int, str], int] = {}

    def append(self, stream: str, kind: str, body: dict[str, Any]) -> int:
        seq = len(self.store.logs.get(stream, ())) + 1
        one = event(stream, seq, kind=kind, body=body)
        self.store.put(one)
        self.broadcast.events(one)
        return seq

    def principal(self, token: str) -> Principal:
        found = super().principal(token)
        if found.session_id in self.revoked:
            raise UnauthenticatedError
        return found

    async def access_many(self, channel_ids: Any, user_id: int) -> dict[int, Any]:
        await asyncio.sleep(0)
        seen = await super().access_many(channel_ids, user_id)
        return {number: access for number, access in seen.items() if user_id in self.members[f"c:{number}"]}

    async def post_message(self, **given: Any) -> Any:
        await asyncio.sleep(0.01)
        stream, user_id = f"c:{given['channel_id']}", given["actor"].user_id
        if user_id not in self.members[stream]:
            raise NotFoundError
        if self.posting == "down":
            raise UnavailableError
        key = (user_id, given["client_msg_id"])
        if key not in self.known:
            self.known[key] = 5000 + len(self.known)
            self.append(stream, "message.posted", {"id": self.known[key], "key": given["client_msg_id"]})
        if self.posting == "dumb":
            raise UnavailableError

        @dataclass
        class Posted:
            message_id: int = self.known[key]
            timestamp: int = 1234

        return Posted()


class Line:
    """A tab's connection: frames lie in it, unread, until the tab reads them, and some are lost when it is dropped."""

    def __init__(self, tab: "Tab", hub: Hub) -> None:
        self.tab, self.hub, self.proof = tab, hub, tab.proof
        self.unread: list[Frame] = []
        self.code: int | None = None
        self.up = True
        self.greeted = False
        self.following: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.questions: dict[int, tuple[str, ...]] = {}
        hub.connected += 1
        self.session = Session(hub)
        self.session.start(self, None)
        self.say({"t": "auth", "token": f"user.{tab.user_id}.{tab.proof}"})

    def say(self, frame: Frame) -> None:
        if self.up and self.code is None:
            self.session.on_message(json.dumps(frame).encode(), text=True)

    def ask(self, number: int, streams: dict[str, int | None]) -> None:
        self.asked.update(list(streams))
        self.questions[number] = tuple(streams)
        self.say({"t": "subscribe", "id": number, "streams": streams})

    def lose(self) -> None:
        if self.up:
            self.up = False
            self.session.on_lost()

    # server.Connection

    def write(self, blob: bytes) -> None:
        if not self.up or self.code is not None:
            return
        for payload in server.payloads(blob):
            frame = json.loads(payload)
            if frame["t"] == "event":
                self.tab.world_allows(frame)
            self.unread.append(frame)

    def close(self, code: int) -> None:
        if self.code is None:
            self.code = code
            asyncio.get_running_loop().call_soon(self.lose)

    def abort(self) -> None:
        self.close(1006)

    def buffered(self) -> int:
        return 0

    def taken(self) -> int:
        return 0

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return


@dataclass
class Tab:
    world: SimulatedWorld
    user_id: int
    proof: int
    line: Line | None = None
    session: Frame | None = None
    last: dict[str, int] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    pending: dict[str, str] = field(default_factory=dict)
    acked: dict[str, str] = field(default_factory=dict)
    number: int = 0

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def world_allows(self, frame: Frame) -> None:
        """Invariant 7: whoever lost a right gets no later event. Checked when it is written."""
        stream = frame["stream"]
        if stream in self.world.members and self.user_id not in self.world.members[stream]:
            left_at = self.world.left_at[self.user_id, stream]
            assert frame["seq"] <= left_at, f"{stream} {frame['seq']} to {self.user_id}, who left at {left_at}"

    def read(self) -> None:
        line = self.line
        if line is None:
            return
        frames, line.unread = line.unread, []
        for frame in frames:
            getattr(self, f"on_{frame['t']}")(line, frame)
        if line.code is not None or not line.up:
            self.line = None

    def on_hello(self, line: Line, frame: Frame) -> None:
        line.greeted = True
        resumed, self.session = frame["resumed"], frame
        assert frame["user_id"] == str(self.user_id)
        if not resumed:
            for stream in sorted(self.wanted):
                line.ask(self.next_number(), {stream: self.last.get(stream)})
        for key, channel in self.pending.items():
            self.send(line, key, channel, retry=True)

    def send(self, line: Line, key: str, channel: str, *, retry: bool = False) -> None:
        frame = {"t": "send", "id": key, "channel_id": channel[2:], "text": key, "client_msg_id": key}
        line.say(frame | ({"retry": True} if retry else {}))

    def on_event(self, line: Line, frame: Frame) -> None:
        stream, seq = frame["stream"], frame["seq"]
        assert stream in line.following or line.asked[stream], f"{stream} is not followed: {frame}"
        assert stream in self.last, f"an event before its place: {frame}"
        logged = self.world.store.logs[stream][seq - 1]
        assert frame["data"] == msgspec.msgpack.decode(logged.envelope.body)
        if seq <= self.last[stream]:
            assert line.asked[stream], f"{stream} {seq} again, and nobody asked for it"
            return
        assert seq == self.last[stream] + 1, f"{stream}: {seq} after {self.last[stream]}"
        self.last[stream] = seq

    def on_resync(self, line: Line, frame: Frame) -> None:
        stream = frame["stream"]
        assert stream in line.following or line.asked[stream]
        assert frame["seq"] <= len(self.world.store.logs.get(stream, ()))
        self.last[stream] = frame["seq"]

    def on_subscribed(self, line: Line, frame: Frame) -> None:
        line.questions.pop(frame["id"], None)
        for stream, place in frame["streams"].items():
            line.asked[stream] -= 1
            line.following.add(stream)
            if self.last.setdefault(stream, place["seq"]) < place["seq"]:
                raise AssertionError(f"{stream}: at {place['seq']}, but got only {self.last[stream]}")
        for stream in frame["denied"]:
            line.asked[stream] -= 1
            self.wanted.discard(stream)

    def on_gone(self, line: Line, frame: Frame) -> None:
        line.following.discard(frame["stream"])
        self.wanted.discard(frame["stream"])

    def on_ok(self, line: Line, frame: Frame) -> None:
        for stream in line.questions.pop(frame["id"], ()):
            line.following.discard(stream)

    def on_ack(self, _line: Line, frame: Frame) -> None:
        key = frame["client_msg_id"]
        self.pending.pop(key, None)
        assert self.acked.setdefault(key, frame["message_id"]) == frame["message_id"]

    def on_error(self, line: Line, frame: Frame) -> None:
        if isinstance(frame["id"], str):  # a send, perhaps one that was acknowledged when it was sent before
            assert frame["code"] in {"unavailable", "not_found"}, frame
            if frame["code"] == "not_found":
                self.pending.pop(frame["id"], None)
            return
        assert frame["code"] in {"unavailable", "unauthenticated"}, frame
        for stream in line.questions.pop(frame["id"], ()):
            line.asked[stream] -= 1

    def on_pong(self, _line: Line, _frame: Frame) -> None:
        return

    def on_reconnect(self, _line: Line, _frame: Frame) -> None:
        return

    # what the person does

    def connect(self, hub: Hub) -> None:
        """The line before may still look alive from the other end."""
        self.line = line = Line(self, hub)
        if self.session is None:
            line.say({"t": "ping", "id": "hello"})
            return
        streams = {stream: self.last[stream] for stream in sorted(self.wanted) if stream in self.last}
        line.asked.update(list(streams))
        resume = {"t": "resume", "session": self.session["session"], "token": self.session["token"]}
        line.say(resume | {"streams": streams})

    def follow(self, stream: str) -> None:
        assert self.line
        self.wanted.add(stream)
        self.line.ask(self.next_number(), {stream: self.last.get(stream)})


tabs = st.integers(0, 3)
gateways = st.integers(0, 1)
channels = st.sampled_from(CHANNELS)


class Sessions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(self.on_loop_error)
        self.errors: list[Any] = []
        self.failed = False
        self.wire = Wire()
        self.wire.on_revoked = self.on_revoked
        self.world = SimulatedWorld(self.wire)
        self.patch = pytest.MonkeyPatch()
        clock = Clock(self.loop)
        for module in ("hub", "writing", "pulling", "repair", "follow", "acks"):
            self.patch.setattr(f"apps.gateway.{module}.time", clock, raising=False)
        self.patch.setattr(registry, "proofs", lambda: self)
        self.patch.setattr("apps.conversations.queries.access_many", self.world.access_many)
        self.patch.setattr("apps.conversations.queries.follows_workspace", self.world.follows_workspace)
        self.patch.setattr("apps.messaging.actions.post_message", self.world.post_message)
        self.hubs = [self.world.make_hub(name) for name in ("g1", "g2")]
        self.proofs = 100
        self.tabs = [Tab(self.world, USERS[index // 2], self.next_proof()) for index in range(4)]
        self.lines: list[Line] = []
        self.posted = 0
        self.run(self.start())
        for index, tab in enumerate(self.tabs):
            self.connect(index, index % 2, TURN_S)
            self.run(self._read(tab))
            for channel in CHANNELS[: 1 + index % 2]:
                self.subscribe(index, channel, TURN_S)
            self.run(self._read(tab))
        self.wire.calm = False

    def next_proof(self) -> int:
        self.proofs += 1
        return self.proofs

    async def of_token(self, token: str) -> Principal:
        await asyncio.sleep(0.01)
        return self.world.principal(token)

    async def ended(self, proof_id: int) -> bool:
        await asyncio.sleep(0.01)
        return proof_id in self.world.revoked

    async def start(self) -> None:
        for hub in self.hubs:
            hub.start()

    def on_loop_error(self, _loop: Any, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def run(self, doing: Any) -> None:
        try:
            self.loop.run_until_complete(doing)
            assert self.errors == []
        except BaseException:
            self.failed = True
            raise

    def turn(self, seconds: float = TURN_S) -> None:
        self.run(asyncio.sleep(seconds))

    def on_revoked(self, hub: Hub, proof: int) -> None:
        for line in self.lines:
            if line.hub is hub and line.proof == proof and line.up:
                attached = line.session in hub.users.get(line.session.user_id, ())
                assert not attached or line.code is not None, "a revoked session's socket is still served"

    # -- rules

    @rule(tab=tabs, gateway=gateways, wait=st.sampled_from([0.0, TURN_S]))
    def connect(self, tab: int, gateway: int, wait: float) -> None:
        """Also while an older connection of the same tab hangs around."""

        async def connect() -> None:
            self.tabs[tab].connect(self.hubs[gateway])
            line = self.tabs[tab].line
            assert line
            self.lines.append(line)

        self.run(connect())
        self.turn(wait)

    @rule(tab=tabs, kept=st.integers(0, 30))
    def drop(self, tab: int, kept: int) -> None:
        """The tab had read `kept` of the frames that were on their way."""
        line = self.tabs[tab].line
        if line:
            del line.unread[kept:]
            self.run(self._read(self.tabs[tab]))
            self.run(self._lose(line))
            self.tabs[tab].line = None

    async def _lose(self, line: Line) -> None:
        line.lose()

    @rule(tab=tabs)
    def read(self, tab: int) -> None:
        self.run(self._read(self.tabs[tab]))

    async def _read(self, tab: Tab) -> None:
        tab.read()

    def speaking(self, tab: int) -> Line | None:
        self.run(self._read(self.tabs[tab]))
        line = self.tabs[tab].line
        return line if line and line.greeted and line.code is None else None

    @rule(tab=tabs, channel=channels, wait=st.sampled_from([0.0, TURN_S]))
    def subscribe(self, tab: int, channel: str, wait: float) -> None:
        if self.speaking(tab):

            async def follow() -> None:
                self.tabs[tab].follow(channel)

            self.run(follow())
            self.turn(wait)

    @rule(tab=tabs, channel=channels)
    def unsubscribe(self, tab: int, channel: str) -> None:
        line = self.speaking(tab)
        if line and channel in line.following and not line.asked[channel]:
            number = self.tabs[tab].next_number()
            line.questions[number] = (channel,)
            self.tabs[tab].wanted.discard(channel)
            self.run(self._say(line, {"t": "unsubscribe", "id": number, "streams": [channel]}))
            self.turn()
            self.run(self._read(self.tabs[tab]))

    async def _say(self, line: Line, frame: Frame) -> None:
        line.say(frame)

    @rule(tab=tabs, channel=channels, wait=st.sampled_from([0.0, TURN_S]))
    def send(self, tab: int, channel: str, wait: float) -> None:
        line = self.speaking(tab)
        if line:
            self.posted += 1
            key = f"m{self.posted}"
            self.tabs[tab].pending[key] = channel

            async def send() -> None:
                self.tabs[tab].send(line, key, channel)

            self.run(send())
            self.turn(wait)

    @rule(tab=tabs)
    def acknowledge(self, tab: int) -> None:
        line = self.speaking(tab)
        if line and line.following:
            streams = {stream: self.tabs[tab].last[stream] for stream in sorted(line.following)}
            self.run(self._say(line, {"t": "ack", "streams": streams}))

    @rule(channel=channels, count=st.sampled_from([1, 1, 3, 70, 1100]))
    def others_post(self, channel: str, count: int) -> None:
        async def post() -> None:
            first = len(self.world.store.logs.get(channel, ())) + 1
            batch = [
                event(channel, first + index - 1, body={"id": -self.posted - index, "key": f"o{self.posted + index}"})
                for index in range(1, count + 1)
            ]
            self.posted += count
            self.world.store.put(*batch)
            self.wire.events(*batch)

        self.run(post())
        self.turn()

    @rule(how=st.sampled_from(["up", "down", "dumb"]))
    def posting(self, how: str) -> None:
        self.world.posting = how

    @rule()
    def store_goes(self) -> None:
        self.world.store.down = True

    @precondition(lambda self: self.world.store.down)
    @rule()
    def store_returns(self) -> None:
        self.world.store.down = False

    @rule(calm=st.booleans())
    def weather(self, calm: bool) -> None:
        self.wire.calm = calm

    @precondition(lambda self: self.wire.waiting)
    @rule(data=st.data(), fate=st.sampled_from(["deliver", "repeat", "lose"]))
    def one_broadcast(self, data: st.DataObject, fate: str) -> None:
        index = data.draw(st.integers(0, len(self.wire.waiting) - 1))
        one = self.wire.waiting[index]
        if fate != "repeat":
            del self.wire.waiting[index]
        if fate != "lose":
            self.run(self._deliver([one]))
        self.turn(0.1)

    @precondition(lambda self: self.wire.waiting)
    @rule(fate=st.sampled_from(["in order", "backwards", "lost"]), wait=st.sampled_from([0.0, 0.1]))
    def all_broadcasts(self, fate: str, wait: float) -> None:
        batches, self.wire.waiting = self.wire.waiting, []
        if fate != "lost":
            self.run(self._deliver(batches if fate == "in order" else batches[::-1]))
        self.turn(wait)

    async def _deliver(self, batches: list[tuple[Any, Batch]]) -> None:
        for handler, batch in batches:
            self.wire.deliver(handler, batch)

    @rule(user=st.sampled_from(USERS), channel=channels, more=st.integers(0, 2))
    def remove(self, user: int, channel: str, more: int) -> None:
        """And the talk goes on behind their back."""

        async def remove() -> None:
            if user in self.world.members[channel]:
                self.world.members[channel].discard(user)
                seq = self.world.append(channel, "channel.member_left", {"user_id": user})
                self.world.left_at[user, channel] = seq
                self.world.append(f"u:{user}", "membership.removed", {"channel_id": int(channel[2:])})

        self.run(remove())
        if more:
            self.others_post(channel, more)

    @rule(user=st.sampled_from(USERS), channel=channels)
    def admit(self, user: int, channel: str) -> None:
        async def admit() -> None:
            if user not in self.world.members[channel]:
                self.world.members[channel].add(user)
                self.world.append(channel, "channel.member_joined", {"user_id": user})

        self.run(admit())

    @rule(tab=tabs)
    def revoke(self, tab: int) -> None:
        """The tab signs in anew; its old sockets end."""
        one = self.tabs[tab]
        proof, one.proof = one.proof, self.next_proof()
        self.world.revoked.add(proof)

        async def tell() -> None:
            await self.wire.publish(
                Batch(f"u:{one.user_id}", ephemeral=[Ephemeral("session.revoked", str(proof), b"")])
            )

        self.run(tell())

    @rule(seconds=st.sampled_from([0.02, 1.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.turn(seconds)

    @invariant()
    def nothing_is_posted_twice(self) -> None:
        for channel in CHANNELS:
            bodies = [msgspec.msgpack.decode(one.envelope.body) for one in self.world.store.logs.get(channel, ())[-50:]]
            keys = [body["key"] for body in bodies if "key" in body]
            assert len(keys) == len(set(keys))

    # -- the end

    def teardown(self) -> None:
        try:
            if not self.failed:
                self.settle()
        finally:
            self.loop.run_until_complete(self._stop())
            self.loop.close()
            self.patch.undo()

    def settle(self) -> None:
        """Everything works again. Then everybody has everything, and what was sent is there once."""
        self.world.posting, self.world.store.down, self.wire.calm = "up", False, True
        self.wire.waiting.clear()
        for _ in range(4):
            for index, tab in enumerate(self.tabs):
                self.run(self._read(tab))
                if tab.line is None or tab.line.code is not None:
                    self.connect(index, index % 2, TURN_S)
            self.run(self._upkeep())
            self.turn(5.0)
            for tab in self.tabs:
                self.run(self._read(tab))
            self.run(self._again())
            self.turn(5.0)
        for tab in self.tabs:
            self.run(self._read(tab))
            self.check(tab)
        sent = [key for tab in self.tabs for key in tab.acked]
        for channel in CHANNELS:
            bodies = [msgspec.msgpack.decode(one.envelope.body) for one in self.world.store.logs.get(channel, ())]
            found = Counter(body["key"] for body in bodies if "key" in body)
            assert all(times == 1 for times in found.values())
            sent = [key for key in sent if key not in found]
        assert sent == [], "acknowledged, and not there"

    async def _upkeep(self) -> None:
        """What upkeep.py does every few seconds."""
        for hub in self.hubs:
            hub.revoke(self.world.revoked)
            await hub.repair.check(
                [stream for stream in hub.streams.values() if not stream.idle and stream.repair is None]
            )

    async def _again(self) -> None:
        """What a client does when a subscribe or a send was answered with `unavailable`."""
        for tab in self.tabs:
            line = tab.line
            if line is None or not line.greeted:
                continue
            line.say({"t": "ping", "id": "here"})
            for stream in sorted(tab.wanted - line.following):
                if not line.asked[stream]:
                    tab.follow(stream)
            for key, channel in tab.pending.items():
                tab.send(line, key, channel, retry=True)

    def check(self, tab: Tab) -> None:
        line = tab.line
        assert line, "no connection holds"
        assert line.code is None, line.code
        assert line.proof not in self.world.revoked
        assert tab.pending == {}
        may = {channel for channel in CHANNELS if tab.user_id in self.world.members[channel]}
        assert line.following == tab.wanted
        assert line.following <= may
        for stream in line.following:
            assert tab.last[stream] == len(self.world.store.logs.get(stream, ())), stream
        for key, message_id in tab.acked.items():
            assert self.world.known[tab.user_id, key] == int(message_id)

    async def _stop(self) -> None:
        for line in self.lines:
            line.lose()
        await asyncio.sleep(1)
        for hub in self.hubs:
            await hub.stop()


TestSessions = pytest.mark.timeout(300)(Sessions.TestCase)
TestSessions.settings = settings(
    max_examples=60,
    stateful_step_count=60,
    deadline=None,
    report_multiple_bugs=False,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
