"""Presence of one gateway: it writes what its people are, and tells its sockets of those whom they named.

Nothing goes to anybody who did not ask, nothing goes out per heartbeat, and everything waits a moment so that more can
go with it: docs/adr/0013-presence.md. `step` is called a few times a second and decides by the clock what is due, so a
simulation drives the very same code.
"""

import asyncio
import heapq
import itertools
import logging
import random
import time
from array import array
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from apps.accounts.queries import Status
from apps.core.clock import now, to_ms
from apps.eventlog.events import Batch, Ephemeral
from apps.eventlog.ports import Broadcast
from apps.presence import policies
from apps.presence.here import GRACE_S, Here
from apps.presence.policies import NOBODY, Person
from apps.presence.ports import MAX_IDS, Presence, PresenceUnavailableError
from apps.presence.states import State
from apps.presence.topics import topic

STEP_S = 0.25
FLUSH_S = 1.0
BEAT_S = 10.0
LEASE_S = 30.0
BLIND_AFTER_S = 5.0  # without an answer of the backend for so long everyone is shown offline
RECONCILE_S = 30.0
_RECONCILE_PARTS = 10  # a tenth each time: whatever was lost is found within five minutes
FRAME_EVERY_S = 1.0  # a socket gets one frame a second at most
# And not all of them in one second: a storm of logins is spread over several, and coalesces the better.
_SOCKETS_PER_FRAME_S = 4
_FRAMES_AT_LEAST = 25
_STATES: tuple[State, ...] = ("offline", "away", "online")
_TOPICS_AT_ONCE = 16
log = logging.getLogger(__name__)


class Watcher(Protocol):
    """A socket."""

    user_id: int

    @property
    def held(self) -> bool:
        """It reads slowly: what is worth nothing a moment later waits, and coalesces."""
        ...

    def tell(self, data: bytes) -> None:
        """JSON: {user_id: Presence}."""
        ...


Allow = Callable[[int, Collection[int]], Awaitable[set[int]]]  # (viewer, of whom) -> whom they may see
Load = Callable[[Collection[int]], Awaitable[Mapping[int, Person]]]


@dataclass(slots=True, eq=False)
class _Known:
    """Somebody who is watched here."""

    user_id: int
    state: State = "offline"
    version: int = 0
    person: Person = NOBODY
    watchers: set[Watcher] = field(default_factory=set)
    loading: "asyncio.Future[None] | None" = None
    idle_since: float = 0.0
    shown: bytes = b""
    plain: bool = True  # offline, and nothing else to say
    timer: int = 0


@dataclass(slots=True)
class Counts:
    """What went out, for metrics and the benchmark."""

    writes: int = 0
    written: int = 0
    published: int = 0
    published_bytes: int = 0
    frames: int = 0
    frame_bytes: int = 0
    deltas: int = 0
    reads: int = 0


class Engine:
    def __init__(
        self,
        gateway: str,
        *,
        presence: Callable[[], Presence],
        broadcast: Callable[[], Broadcast],
        load: Load,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = now,
        grace_s: float = GRACE_S,
    ) -> None:
        # A gateway that starts again under its old name must not inherit what it left behind.
        self.gateway = f"{gateway}.{random.getrandbits(40):x}"
        self.counts = Counts()
        self.blind = False
        self._presence, self._broadcast, self._load = presence, broadcast, load
        self._clock, self._wall = clock, wall
        self._here = Here(grace_s=grace_s)
        self._known: dict[int, _Known] = {}
        self._lists: dict[Watcher, array[int]] = {}
        self._pending: dict[Watcher, set[int]] = {}
        self._told: dict[Watcher, float] = {}
        self._stale: set[int] = set()
        self._timers: list[tuple[int, int]] = []  # (milliseconds, user id): when what is shown changes by itself
        self._topics: set[str] = set()
        self._outgoing: dict[str, dict[str, tuple[int, int]]] = {}
        self._gateways: frozenset[str] = frozenset()
        self._to_check: list[int] = []
        self._check_from = 0
        self._failing_since: float | None = None
        self._flush_at = self._beat_at = 0.0
        self._reconcile_at = clock() + RECONCILE_S
        self._task: asyncio.Task[None] | None = None

    def gauges(self) -> dict[str, tuple[str, int]]:
        return {
            "here": ("People with a socket at this process", len(self._here)),
            "watched": ("People whom sockets here watch", len(self._known)),
            "watchers": ("Sockets that watch somebody", len(self._lists)),
            "blind": ("1 while presence can't be known and everyone is shown offline", int(self.blind)),
        }

    # -- people here ------------------------------------------------------------------------------------------------

    def arrived(self, socket: Watcher) -> None:
        self._here.arrived(socket.user_id, socket)

    def active(self, socket: Watcher, *, on: bool) -> None:
        self._here.active(socket.user_id, socket, on=on)

    def left(self, socket: Watcher) -> None:
        self._here.left(socket.user_id, socket, self._clock())
        self._unwatch(socket, self._lists.pop(socket, ()))
        self._pending.pop(socket, None)
        self._told.pop(socket, None)

    # -- watching ---------------------------------------------------------------------------------------------------

    def watched(self, socket: Watcher) -> Collection[int]:
        return self._lists.get(socket, ())

    def knows(self, user_id: int) -> bool:
        """Whether anybody here watches them, or did a moment ago."""
        return user_id in self._known

    async def watch(self, socket: Watcher, user_ids: Collection[int]) -> bytes:
        """Instead of whom it named before. Returns JSON {user_id: Presence} of those it did not watch yet.

        Who is offline with nothing else to say is left out.
        """
        before = set(self._lists.get(socket, ()))
        wanted = dict.fromkeys(user_ids)
        self._lists[socket] = array("q", wanted)
        self._unwatch(socket, before - wanted.keys())
        fresh = [user_id for user_id in wanted if user_id not in before]
        await self._know(fresh, socket)
        if socket in self._pending:
            self._pending[socket].difference_update(fresh)
        found = (self._known.get(user_id) for user_id in fresh)
        return _joined(one.shown for one in found if one is not None and not one.plain)

    async def recheck(self, socket: Watcher, allow: Allow) -> None:
        """A right was lost: whom it may still see is asked again."""
        watched = list(self._lists.get(socket, ()))
        if watched:
            allowed = await allow(socket.user_id, watched)
            if socket in self._lists:
                self._lists[socket] = array("q", [one for one in self._lists[socket] if one in allowed])
                self._unwatch(socket, set(watched) - allowed)

    def conceal(self, user_id: int) -> None:
        """Somebody left a workspace: nobody hears of them any more who does not name them, and may, again."""
        known = self._known.get(user_id)
        for watcher in list(known.watchers) if known is not None else ():
            self._lists[watcher] = array("q", [one for one in self._lists[watcher] if one != user_id])
            self._unwatch(watcher, [user_id])

    def _unwatch(self, socket: Watcher, user_ids: Iterable[int]) -> None:
        for user_id in user_ids:
            known = self._known.get(user_id)
            if known is not None:
                known.watchers.discard(socket)
                if not known.watchers:
                    known.idle_since = self._clock()

    async def _know(self, user_ids: Collection[int], socket: Watcher) -> None:
        fresh: list[_Known] = []
        for user_id in user_ids:
            known = self._known.get(user_id)
            if known is None:
                known = self._known[user_id] = _Known(user_id)
                fresh.append(known)
            known.watchers.add(socket)
        if fresh:
            loading: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            for known in fresh:
                known.loading = loading
            try:
                await self._subscribe({topic(known.user_id) for known in fresh} - self._topics)
                await self._look([known.user_id for known in fresh], told=False)
            finally:
                for known in fresh:
                    known.loading = None
                loading.set_result(None)
        waiting = {one.loading for user_id in user_ids if (one := self._known.get(user_id)) and one.loading}
        for future in waiting:
            await asyncio.shield(future)

    async def _subscribe(self, topics: Collection[str]) -> None:
        # Named at once: a second watch that comes meanwhile waits for the load of the people it shares with this one.
        self._topics.update(topics)
        waiting = iter(topics)
        while some := list(itertools.islice(waiting, _TOPICS_AT_ONCE)):
            await asyncio.gather(*(self._broadcast().subscribe(name, self.on_batch) for name in some))

    # -- what is known ----------------------------------------------------------------------------------------------

    async def _look(self, user_ids: Collection[int], *, told: bool = True) -> None:
        """Ask the backend and the database about watched people."""
        ids = iter(user_ids)
        while some := list(itertools.islice(ids, MAX_IDS)):
            await self._look_at(some)
            await self._settings(some)
            for user_id in some:
                self._show(user_id, told=told)

    async def _look_at(self, user_ids: Collection[int]) -> None:
        try:
            seen = await self._presence().read(user_ids)
        except PresenceUnavailableError:
            self._failed()
            return
        self.counts.reads += 1
        for user_id, (state, version) in seen.items():
            self._learn(user_id, state, version)

    async def _settings(self, user_ids: Collection[int]) -> None:
        try:
            found = await self._load(user_ids)
        except Exception:  # noqa: BLE001 - the database; presence goes on without, and asks again
            self._stale.update(user_ids)
            return
        for user_id in user_ids:
            known = self._known.get(user_id)
            if known is not None:
                known.person = found.get(user_id, NOBODY)

    def _learn(self, user_id: int, state: State, version: int) -> bool:
        known = self._known.get(user_id)
        if known is None or version <= known.version:
            return False
        known.state, known.version = state, version
        return True

    def _show(self, user_id: int, *, told: bool = True) -> None:
        """See to it that what watchers have been told is what is known."""
        known = self._known.get(user_id)
        if known is None:
            return
        at = self._wall()
        state = "offline" if self.blind else known.state
        shown = policies.shown(user_id, state, known.person.wishes, at)
        status = known.person.status
        if status is not None and status["expires_at"] is not None and status["expires_at"] <= to_ms(at):
            status = None
        words: dict[str, object] = {"state": shown.state}
        if shown.dnd:
            words["dnd"] = True
        if status is not None:
            words["status"] = status
        text = msgspec.json.encode(words)
        fragment = b'"%d":%s' % (user_id, text)
        if fragment != known.shown:
            known.shown = fragment
            known.plain = shown.state == "offline" and not shown.dnd and status is None
            if told:
                for watcher in known.watchers:
                    self._pending.setdefault(watcher, set()).add(user_id)
        self._set_timer(known, status, at)

    def _set_timer(self, known: _Known, status: Status | None, at: datetime) -> None:
        moments = [status["expires_at"]] if status is not None and status["expires_at"] is not None else []
        if known.person.wishes.dnd_until or known.person.wishes.schedule:
            change = policies.next_change(known.person.wishes, at)
            moments += [to_ms(change)] if change is not None else []
        if moments and min(moments) != known.timer:
            known.timer = min(moments)
            heapq.heappush(self._timers, (known.timer, known.user_id))

    def on_batch(self, batch: Batch) -> None:
        """The broadcast's handler: other gateways' changes, and notes that somebody changed what they have set."""
        for ephemeral in batch.ephemeral:
            if ephemeral.type == "settings":
                if int(ephemeral.key) in self._known:
                    self._stale.add(int(ephemeral.key))
                continue
            changes: dict[str, tuple[int, int]] = msgspec.msgpack.decode(ephemeral.body)
            for user_id, (code, version) in changes.items():
                if self._learn(int(user_id), _STATES[code], version):
                    self._show(int(user_id))

    # -- what is due ------------------------------------------------------------------------------------------------

    async def step(self) -> None:
        at = self._clock()
        if at >= self._flush_at:
            self._flush_at = at + FLUSH_S * _jitter()
            if at >= self._beat_at or self._failing_since is not None:
                self._beat_at = at + BEAT_S * _jitter()
                await self._beat()
            await self._write()
            await self._publish()
            self._tick()
            if self._stale:
                await self._refresh()
            if self._to_check or at >= self._reconcile_at:
                await self._reconcile(at)
        self._deliver(at)

    async def _beat(self) -> None:
        try:
            known, gateways = await self._presence().beat(self.gateway, lease_s=LEASE_S)
        except PresenceUnavailableError:
            self._failed()
            return
        if not known:
            self._here.lost()
        if self._gateways - gateways or self.blind or self._failing_since is not None:
            # Somebody's lease ran out without a word, or nobody knows what was missed.
            self._to_check = list(self._known)
        self._gateways = gateways
        self._failing_since = None
        if self.blind:
            self.blind = False
            log.warning("presence is back")

    def _failed(self) -> None:
        at = self._clock()
        if self._failing_since is None:
            self._failing_since = at
        elif not self.blind and at - self._failing_since >= BLIND_AFTER_S:
            self.blind = True
            log.warning("presence is not known: everyone is shown offline")
            for user_id in self._known:
                self._show(user_id)

    async def _write(self) -> None:
        waiting = iter(self._here.changes(self._clock()).items())
        while some := dict(itertools.islice(waiting, MAX_IDS)):
            try:
                changes = await self._presence().put(self.gateway, some)
            except PresenceUnavailableError:
                self._failed()
                return
            self._here.wrote(some)
            self.counts.writes += 1
            self.counts.written += len(some)
            for user_id, change in changes.items():
                if change.before != change.after:
                    code = _STATES.index(change.after)
                    self._outgoing.setdefault(topic(user_id), {})[str(user_id)] = (code, change.version)
                if self._learn(user_id, change.after, change.version):
                    self._show(user_id)

    async def _publish(self) -> None:
        outgoing, self._outgoing = self._outgoing, {}
        for name, changes in outgoing.items():
            body = msgspec.msgpack.encode(changes)
            self.counts.published += 1
            self.counts.published_bytes += len(body)
            await self._broadcast().publish(Batch(name, ephemeral=[Ephemeral(type="presence", key="", body=body)]))

    def _tick(self) -> None:
        at = to_ms(self._wall())
        while self._timers and self._timers[0][0] <= at:
            self._show(heapq.heappop(self._timers)[1])

    async def _refresh(self) -> None:
        stale, self._stale = self._stale, set()
        ids = iter(stale)
        while some := list(itertools.islice(ids, MAX_IDS)):
            await self._settings(some)
            for user_id in some:
                self._show(user_id)

    async def _reconcile(self, at: float) -> None:
        """Look again at some of those who are watched: the broadcast may have lost a word."""
        if not self._to_check:
            self._reconcile_at = at + RECONCILE_S * _jitter()
            await self._forget(at)
            known = list(self._known)
            size = -(-len(known) // _RECONCILE_PARTS)
            start = self._check_from % max(1, len(known))
            self._check_from = start + size
            self._to_check = known[start : start + size]
        some, self._to_check = self._to_check[:MAX_IDS], self._to_check[MAX_IDS:]
        await self._look(some)

    async def _forget(self, at: float) -> None:
        for known in [one for one in self._known.values() if not one.watchers and not one.loading]:
            if at - known.idle_since >= RECONCILE_S:
                del self._known[known.user_id]
        needed = {topic(user_id) for user_id in self._known}
        for name in self._topics - needed:
            self._topics.discard(name)
            await self._broadcast().unsubscribe(name, self.on_batch)

    def _deliver(self, at: float) -> None:
        quota = max(_FRAMES_AT_LEAST, int(len(self._lists) * STEP_S / _SOCKETS_PER_FRAME_S))
        ready = (one for one in self._pending if at - self._told.get(one, -FRAME_EVERY_S) >= FRAME_EVERY_S)
        for watcher in list(itertools.islice((one for one in ready if not one.held), quota)):
            user_ids = self._pending.pop(watcher)
            parts = [known.shown for user_id in user_ids if (known := self._known.get(user_id)) is not None]
            if parts:
                data = _joined(parts)
                self.counts.frames += 1
                self.counts.frame_bytes += len(data)
                self.counts.deltas += len(parts)
                self._told[watcher] = at
                watcher.tell(data)
        for watcher in [one for one, told in self._told.items() if at - told >= FRAME_EVERY_S]:
            del self._told[watcher]

    # -- the life of a process ----------------------------------------------------------------------------------------

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="presence")

    async def _run(self) -> None:
        while True:
            try:
                await self.step()
            except Exception:
                log.exception("presence failed; it goes on")
            await asyncio.sleep(STEP_S)

    async def stop(self) -> None:
        """Our people count for the grace, so that nobody flaps who comes back elsewhere."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        try:
            await self._presence().leave(self.gateway, grace_s=GRACE_S)
        except PresenceUnavailableError:
            log.info("the gateway's people expire by themselves")
        for name in self._topics:
            await self._broadcast().unsubscribe(name, self.on_batch)
        self._topics.clear()


def _joined(parts: Iterable[bytes]) -> bytes:
    return b"{%s}" % b",".join(parts)


def _jitter() -> float:
    return random.uniform(0.8, 1.2)  # noqa: S311
