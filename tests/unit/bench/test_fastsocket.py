"""The load client counts what it gets, however the bytes are cut, and sees a frame that differs."""

import asyncio
import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fastsocket import Listener, Reference, Talker, Tally, is_subscribed

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        pass


def server_frame(text: str, opcode: int = 1) -> bytes:
    payload = text.encode()
    if len(payload) < 126:
        return bytes([0x80 | opcode, len(payload)]) + payload
    return bytes([0x80 | opcode, 126]) + len(payload).to_bytes(2, "big") + payload


def event(number: int, size: int = 5) -> str:
    data = {"text": f"{number} {'x' * size}"}
    frame = {"t": "event", "stream": "c:1", "seq": number, "count": number, "data": data}
    return json.dumps(frame, separators=(",", ":"))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


def listener(reference: Reference) -> Listener:
    made = Listener("token", b"{}", reference, is_subscribed)
    made.connection_made(Wire())
    return made


@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=20),
    cuts=st.lists(st.lists(st.integers(0, 10_000), max_size=12), min_size=3, max_size=3),
    pongs=st.sets(st.integers(0, 20)),
)
@settings(max_examples=150, deadline=None)
def test_every_listener_gets_every_frame_however_it_is_cut(
    sizes: list[int], cuts: list[list[int]], pongs: set[int]
) -> None:
    async def run() -> None:
        reference = Reference()
        frames = [server_frame(event(number, size)) for number, size in enumerate(sizes, 1)]
        for index, places in enumerate(cuts):
            one = listener(reference)
            # Only one of them gets answers in between, as a client does that pings.
            pong = server_frame('{"t":"pong","id":1}') if index == 1 else b""
            between = [pong if n in pongs else b"" for n in range(len(frames))]
            whole = UPGRADED + server_frame('{"t":"subscribed"}') + b"".join(map(bytes.__add__, between, frames))
            for part in cut(whole, places):
                one.data_received(part)
            assert one.frames == len(frames)
            assert one.ready.done()
        assert reference.diverged == 0
        assert list(reference.sent) == list(range(1, len(frames) + 1))
        arrivals = reference.arrivals
        assert sum(arrivals[i + 2] - arrivals[i + 1] for i in range(0, len(arrivals), 3)) == 3 * len(frames)

    asyncio.run(run())


async def test_sockets_that_followed_earlier_or_later_are_compared_at_the_same_seq() -> None:
    reference = Reference()
    frames = [server_frame(event(number)) for number in range(1, 7)]
    middle, early, late = (listener(reference) for _ in range(3))
    middle.data_received(UPGRADED + b"".join(frames[2:4]))
    early.data_received(UPGRADED + b"".join(frames[:4]))
    late.data_received(UPGRADED + frames[3][:9])
    late.data_received(frames[3][9:])
    assert [one.frames for one in (middle, early, late)] == [2, 2, 2]
    for one in (late, early, middle):
        one.data_received(b"".join(frames[4:]))
    assert [one.frames for one in (middle, early, late)] == [4, 4, 4]
    assert reference.diverged == 0
    assert list(reference.sent) == [3, 4, 5, 6]


async def test_a_frame_that_differs_is_seen() -> None:
    reference = Reference()
    for text in (event(1), event(1).replace("x", "y")):
        one = listener(reference)
        one.data_received(UPGRADED + server_frame(text))
        assert one.frames == 1
    assert reference.diverged == 1


@given(places=st.lists(st.integers(0, 10_000), max_size=20))
@settings(max_examples=100, deadline=None)
def test_a_talker_counts_gaps_and_repeats(places: list[int]) -> None:
    async def run() -> None:
        tally = Tally()
        one = Talker("token", ["c:1"], tally)
        one.connection_made(Wire())
        subscribed = '{"t":"subscribed","id":1,"streams":{"c:1":{"seq":3,"count":3,"mode":"push"}},"denied":[]}'
        ack = '{"t":"ack","id":"k","client_msg_id":"k","message_id":"9","timestamp":1}'
        one.send("1", "5 text", "k")
        texts = [subscribed, ack, event(4), event(5), event(5), event(8)]
        for part in cut(UPGRADED + b"".join(map(server_frame, texts)), places):
            one.data_received(part)
        assert (tally.accepted, tally.delivered, tally.repeats, tally.gaps) == (1, 3, 1, 2)
        assert not tally.waiting

    asyncio.run(run())
