"""Client processes: each runs an event loop with thousands of sockets and answers its parent's calls over a pipe."""

import asyncio
import contextlib
import gc
import json
import multiprocessing
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import uvloop

from bench.fastsocket import Follower, Listener, Reference, Talker, Tally, Window, connect, is_subscribed
from bench.measure import histogram, raise_file_limit

HEARTBEAT_S = 25  # a gateway closes a socket that is silent for 75 s
CALL_DEADLINE_S = 600
_AT_ONCE = 256
_READY_S, _TRIES = 30, 4


async def _insisting(opening: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A machine that is busy for a while spoils a connection now and then, and a client would come again too."""
    for attempt in range(_TRIES):
        try:
            await opening()
        except (OSError, TimeoutError):
            if attempt == _TRIES - 1:
                raise
            await asyncio.sleep(random.uniform(0.5, 1.5) * (attempt + 1))
        else:
            return


class Worker:
    """What runs inside: subclasses add async methods, which are the calls."""

    async def listen(
        self,
        urls: Sequence[str],
        tokens: Sequence[str | None],
        stream: str | None,
        source: str | None = None,
        sockets_each: int = 1,
        active: float | None = None,
    ) -> int:
        """Open `sockets_each` sockets for each token, following `stream` (None: whatever comes, a stock consumer).

        With `active` they are windows, and that share of them is in use.
        """
        self.reference = Reference()
        self.listeners: list[Listener] = []
        slots = asyncio.Semaphore(_AT_ONCE)
        subscribe = json.dumps({"t": "subscribe", "id": 1, "streams": {stream: None}}).encode() if stream else None

        async def one(index: int, token: str | None) -> None:
            async with slots:
                await _insisting(lambda: once(index, token))

        async def once(index: int, token: str | None) -> None:
            if stream is not None and active is not None:
                used = int((index + 1) * active) > int(index * active)
                listener: Listener = Window(token, stream, self.reference, active=used)
            else:
                listener = Listener(token, subscribe, self.reference, is_subscribed)
            try:
                await connect(urls[index % len(urls)], listener, source=source)
                async with asyncio.timeout(_READY_S):
                    await listener.ready
            except BaseException:
                listener.close()
                raise
            self.listeners.append(listener)

        # Opening thousands may take longer than a gateway bears silence.
        self._beating = asyncio.create_task(self._beat())
        wanted = [token for token in tokens for _ in range(sockets_each)]
        await asyncio.gather(*(one(index, token) for index, token in enumerate(wanted)))
        gc.collect()
        gc.freeze()
        return len(self.listeners)

    async def _beat(self) -> None:
        """A sign of life from each socket every HEARTBEAT_S, a few of them each second."""
        turn = 0
        while True:
            await asyncio.sleep(1.0)
            turn += 1
            for listener in self.listeners[turn % HEARTBEAT_S :: HEARTBEAT_S]:
                listener.ping()

    async def quiet(self, idle_s: float = 1.0, deadline_s: float = 30.0) -> None:
        """Wait until nothing has come for a while: what setting up caused is over."""
        end, seen, since = time.monotonic() + deadline_s, -1, time.monotonic()
        while time.monotonic() < end and time.monotonic() - since < idle_s:
            if (now := sum(listener.frames for listener in self.listeners)) != seen:
                seen, since = now, time.monotonic()
            await asyncio.sleep(0.1)

    async def begin(self) -> None:
        self.reference.clear_arrivals()
        self.base = [listener.frames for listener in self.listeners]
        self.reference.bytes = 0

    async def finish(self, expected: int, drain_s: float = 5.0) -> dict[str, Any]:
        """Wait until every socket has `expected` frames more than at `begin`, then say what came and when."""
        deadline = time.monotonic() + drain_s
        goal = [base + expected for base in self.base]
        while time.monotonic() < deadline and any(
            listener.frames < wanted and listener.closed is None
            for listener, wanted in zip(self.listeners, goal, strict=True)
        ):
            await asyncio.sleep(0.02)
        got = [listener.frames - base for listener, base in zip(self.listeners, self.base, strict=True)]
        found: Counter[int] = Counter()
        last: dict[int, int] = {}
        arrivals, sent = self.reference.arrivals, self.reference.sent
        for index in range(0, len(arrivals), 3):
            now = arrivals[index]
            frames = range(arrivals[index + 1], arrivals[index + 2])
            found.update([(now - sent[k]) // 100_000 for k in frames if sent[k]])
            last.update(dict.fromkeys(frames, now))
        return {
            "deliveries": sum(got),
            "missing": sum(max(0, expected - have) for have in got),
            "closed": dict(Counter(listener.closed for listener in self.listeners if listener.closed is not None)),
            "diverged": self.reference.diverged,
            "reads": len(arrivals) // 3,
            "bytes": self.reference.bytes,
            "histogram": dict(found),
            "last_ms": {(self.reference.first_seq or 0) + k: (now - sent[k]) / 1e6 for k, now in last.items()},
        }

    async def modes(self) -> dict[str, int]:
        """How many windows are in each mode."""
        return dict(Counter(window.modes[-1] for window in self.listeners if isinstance(window, Window)))

    async def caught_up(self, seq: int, drain_s: float = 10.0) -> dict[str, Any]:
        """Wait until every window in use has everything up to `seq`, and the others know of it."""
        windows = [window for window in self.listeners if isinstance(window, Window)]
        deadline = time.monotonic() + drain_s
        while time.monotonic() < deadline and any((w.last if w.active else w.head) < seq for w in windows):
            await asyncio.sleep(0.05)
        used = [window for window in windows if window.active]
        found: Counter[int] = Counter()
        arrivals, sent = self.reference.arrivals, self.reference.sent
        for index in range(0, len(arrivals), 3):
            now = arrivals[index]
            found.update(
                [(now - sent[k]) // 100_000 for k in range(arrivals[index + 1], arrivals[index + 2]) if sent[k]]
            )
        return {
            "active": len(used),
            "pulls": sum(window.pulls for window in used),
            "behind": sum(window.last < seq for window in used),
            "unaware": sum(window.head < seq for window in windows if not window.active),
            "closed": dict(Counter(w.closed for w in windows if w.closed is not None)),
            "diverged": self.reference.diverged,
            "histogram": dict(found),
            "bytes": self.reference.bytes,
        }

    async def hang_up(self) -> None:
        self._beating.cancel()
        for listener in self.listeners:
            listener.close()
        self.listeners = []
        await asyncio.sleep(0.1)

    # -- followers, which resume

    async def follow(
        self,
        url: str,
        fallback: str,
        tokens: Sequence[str],
        stream: str,
        source: str | None,
        sockets_each: int,
        jitter_s: float,
    ) -> int:
        self.followers: list[Follower] = []
        slots = asyncio.Semaphore(_AT_ONCE)

        async def once(token: str) -> None:
            follower = Follower(token, stream, fallback, source=source, jitter_s=jitter_s)
            try:
                await follower.open(url)
                async with asyncio.timeout(_READY_S):
                    await follower.ready
            except BaseException:
                follower.close()
                raise
            self.followers.append(follower)

        async def one(token: str) -> None:
            async with slots:
                await _insisting(lambda: once(token))

        await asyncio.gather(*(one(token) for token in tokens for _ in range(sockets_each)))
        return len(self.followers)

    async def resumed(self, deadline_s: float, frames: int = 0) -> dict[str, Any]:
        """Wait until every follower has resumed, and has `frames` events in all."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end and any(
            not follower.resumed_ns or follower.events < frames for follower in self.followers
        ):
            await asyncio.sleep(0.05)
        return {
            "resumed": sum(bool(follower.resumed_ns) for follower in self.followers),
            "last_ns": max(follower.resumed_ns for follower in self.followers),
            "gaps": sum(follower.gaps for follower in self.followers),
            "repeats": sum(follower.repeats for follower in self.followers),
            "resyncs": sum(follower.resyncs for follower in self.followers),
            "missing": sum(max(0, frames - follower.events) for follower in self.followers),
        }

    # -- senders

    async def talk(
        self, url: str, people: Sequence[tuple[str | None, Sequence[str]]], source: str | None = None
    ) -> int:
        """A talker for each (token, streams that it follows)."""
        self.tally = Tally()
        self.talkers: list[Talker] = []
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(token: str | None, streams: Sequence[str]) -> None:
            async with slots:
                talker = Talker(token, list(streams), self.tally)
                await connect(url, talker, source=source)
                async with asyncio.timeout(30):
                    await talker.ready
                self.talkers.append(talker)

        await asyncio.gather(*(one(token, streams) for token, streams in people))
        gc.collect()
        gc.freeze()
        return len(self.talkers)

    async def speak(
        self,
        rate: float,
        seconds: float,
        size: int,
        channels: Sequence[str] | None = None,
        drain_s: float = 5.0,
        fan_out: int = 0,
    ) -> dict[str, Any]:
        """Post at an even `rate` for `seconds`, `size` bytes of text each, from each talker in turn.

        `channels[i]` is where talker i posts; a talker's own first stream without it. Waits for acks, and with
        `fan_out` for that many deliveries of each accepted message.
        """
        self._fresh()
        where = channels or [talker.streams[0][2:] for talker in self.talkers]
        total, started, late = int(rate * seconds), time.monotonic(), 0.0
        order = list(range(len(self.talkers)))
        for number in range(total):
            due = started + number / rate
            ahead = due - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            else:
                late = max(late, -ahead)
                if number % 64 == 0:
                    await asyncio.sleep(0)
            index = order[number % len(order)]
            text = f"{time.monotonic_ns()} "
            text += "x" * (size - len(text))
            self.talkers[index].send(where[index], text, f"{self.salt}-{number}")
        took = max(time.monotonic() - started, total / rate)
        await self._drained(drain_s, fan_out)
        return self._result(took, late)

    async def speak_closed(
        self, window: int, seconds: float, size: int, drain_s: float = 5.0, fan_out: int = 0
    ) -> dict[str, Any]:
        """As fast as it goes with `window` messages on the way."""
        tally = self.tally
        self._fresh()
        slots = asyncio.Semaphore(window)

        def done(_key: str, _talker: Talker | None) -> None:
            slots.release()

        tally.on_done = done
        started, number = time.monotonic(), 0
        while time.monotonic() - started < seconds:
            async with asyncio.timeout(30):
                await slots.acquire()
            talker = self.talkers[number % len(self.talkers)]
            text = f"{time.monotonic_ns()} "
            text += "x" * (size - len(text))
            talker.send(talker.streams[0][2:], text, f"{self.salt}-{number}")
            number += 1
        tally.on_done = None
        took = time.monotonic() - started
        await self._drained(drain_s, fan_out)
        return self._result(took, 0.0)

    def _fresh(self) -> None:
        tally = self.tally
        tally.sent = tally.accepted = tally.delivered = tally.gaps = tally.repeats = 0
        tally.refused.clear()
        tally.waiting.clear()
        del tally.ack_ns[:]
        del tally.delivery_ns[:]
        self.salt = f"{time.monotonic_ns():x}"

    async def _drained(self, drain_s: float, fan_out: int) -> None:
        tally, deadline = self.tally, time.monotonic() + drain_s
        while time.monotonic() < deadline and (tally.waiting or tally.delivered < tally.accepted * fan_out):
            await asyncio.sleep(0.02)

    def _result(self, took: float, late: float) -> dict[str, Any]:
        tally = self.tally
        return {
            "took_s": took,
            "sent": tally.sent,
            "accepted": tally.accepted,
            "unanswered": len(tally.waiting),
            "refused": dict(tally.refused),
            "delivered": tally.delivered,
            "gaps": tally.gaps,
            "repeats": tally.repeats,
            "late_ms": round(late * 1000, 1),
            "closed": dict(Counter(t.closed for t in self.talkers if t.closed is not None)),
            "ack_histogram": dict(histogram(tally.ack_ns)),
            "histogram": dict(histogram(tally.delivery_ns)),
        }

    async def silence(self) -> None:
        for talker in self.talkers:
            talker.close()
        self.talkers = []
        await asyncio.sleep(0.1)


def _run(pipe: Connection) -> None:
    raise_file_limit()

    async def serve() -> None:
        worker, loop = Worker(), asyncio.get_running_loop()
        while True:
            name, arguments = await loop.run_in_executor(None, pipe.recv)
            if name is None:
                return
            try:
                pipe.send((True, await getattr(worker, name)(**arguments)))
            except BaseException:
                pipe.send((False, traceback.format_exc()))

    with contextlib.suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        uvloop.run(serve())


class Driver:
    """The parent's side of one client process."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, child = context.Pipe()
        self._process = context.Process(target=_run, args=(child,), daemon=True)
        self._process.start()
        child.close()

    @property
    def pid(self) -> int:
        return int(self._process.pid or 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send((None, {}))
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def start(self, name: str, **arguments: Any) -> None:
        self._pipe.send((name, arguments))

    def result(self, deadline_s: float = CALL_DEADLINE_S) -> Any:
        if not self._pipe.poll(deadline_s):
            raise TimeoutError("the client process does not answer")
        ok, value = self._pipe.recv()
        if not ok:
            raise RuntimeError(f"in the client process:\n{value}")
        return value

    def call(self, name: str, **arguments: Any) -> Any:
        self.start(name, **arguments)
        return self.result()


def call_all(drivers: Sequence[Driver], name: str, arguments: Sequence[dict[str, Any]]) -> list[Any]:
    for driver, each in zip(drivers, arguments, strict=True):
        driver.start(name, **each)
    return [driver.result() for driver in drivers]
