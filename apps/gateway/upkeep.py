"""What a gateway does besides delivering: notice what the broadcast lost, renew leases, find ended sessions."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from apps.accounts import queries as accounts
from apps.accounts.principal import Principal
from apps.core import threads
from apps.core.errors import UnavailableError
from apps.eventlog.ports import Broadcast
from apps.gateway.follow import still_allowed
from apps.gateway.hub import Hub
from apps.gateway.ports import Gateways
from apps.gateway.stream import Stream

logger = logging.getLogger(__name__)

CHECK_EVERY_S = 5.0
POLL_EVERY_S = 0.7  # while the broadcast is down
_WARM_S = 120
_CHUNK = 100
_COLD_PER_S = 300  # streams without news are compared with the store at this rate at most
_LEASE_S = 30
_USER_LEASE_S = 300
_USERS_EVERY_S = 2.0
_PROOFS_EVERY_S = 60.0
_RETRY_S = 1.0


class Upkeep:
    def __init__(self, hub: Hub, *, gateways: Gateways, broadcast: Callable[[], Broadcast], url: str) -> None:
        self._hub, self._gateways, self._broadcast, self._url = hub, gateways, broadcast, url
        self._tasks: list[asyncio.Task[None]] = []
        self._claimed: dict[int, float] = {}
        self._was_down = False
        self._cold_from = 0

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        steps: tuple[tuple[Callable[[], Awaitable[None]], float], ...] = (
            (self.check, 0.0),
            (self.renew, _LEASE_S / 3),
            (self.tell_users, _USERS_EVERY_S),
            (self.look_for_ended, _PROOFS_EVERY_S),
        )
        self._tasks = [loop.create_task(self._again(step, pause)) for step, pause in steps]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._gateways.withdraw(self._hub.gateway)
        await self._gateways.release(self._hub.gateway, self._claimed)
        self._claimed.clear()

    async def _again(self, step: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            try:
                await step()
            except Exception:
                logger.exception("upkeep failed; it goes on")
                await asyncio.sleep(_RETRY_S)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311

    async def check(self) -> None:
        """One round: streams with recent news every CHECK_EVERY_S, the others as the rate allows.

        While the broadcast is down, and once after it: all of them, as fast as they go.
        """
        started = time.monotonic()
        down = not self._broadcast().healthy
        await self.check_streams(self.due(everything=down or self._was_down))
        self._was_down = down
        rest = (POLL_EVERY_S if down else CHECK_EVERY_S) * random.uniform(0.8, 1.2)  # noqa: S311
        while (left := started + rest - time.monotonic()) > 0:
            await asyncio.sleep(min(left, POLL_EVERY_S))
            if self._broadcast().healthy is down:  # it went or came back
                return

    def due(self, *, everything: bool) -> list[Stream]:
        streams = [stream for stream in self._hub.streams.values() if not stream.idle and stream.repair is None]
        if everything:
            return streams
        fresh = self._hub.tick - _WARM_S
        warm = [stream for stream in streams if stream.active_tick > fresh]
        cold = [stream for stream in streams if stream.active_tick <= fresh]
        budget = int(_COLD_PER_S * CHECK_EVERY_S)
        if len(cold) > budget:
            start = self._cold_from % len(cold)
            self._cold_from = start + budget
            cold = (cold[start:] + cold[:start])[:budget]
        return warm + cold

    async def check_streams(self, due: list[Stream]) -> None:
        for start in range(0, len(due), _CHUNK):
            try:
                await self._hub.repair.check(due[start : start + _CHUNK])
            except UnavailableError:
                return
            await asyncio.sleep(0.005)

    async def renew_away(self) -> None:
        """The gateway is about to go: nobody shall be sent to it any more."""
        self._hub.draining = True
        await self._gateways.withdraw(self._hub.gateway)

    async def renew(self) -> None:
        if self._hub.draining:
            return
        if not await self._gateways.register(self._hub.gateway, self._url, lease_s=_LEASE_S):
            # New, away for longer than its lease, or the table is empty: what it held of our users is told again.
            self._claimed = dict.fromkeys(self._claimed, 0.0)

    async def tell_users(self) -> None:
        """Write who came and who went, and renew what would run out."""
        now, here = time.monotonic(), self._hub.users
        gone = [user_id for user_id in self._claimed if user_id not in here]
        old = now - _USER_LEASE_S / 3
        due = [user_id for user_id in here if self._claimed.get(user_id, 0.0) < old]
        for user_id in gone:
            del self._claimed[user_id]
        if gone:
            await self._gateways.release(self._hub.gateway, gone)
        if due and await self._gateways.claim(self._hub.gateway, due, lease_s=_USER_LEASE_S):
            self._claimed.update(dict.fromkeys(due, now))

    async def look_for_ended(self) -> None:
        """Cut sockets whose session was revoked, or whose preview of a channel ended, while the broadcast was deaf."""
        proofs = sorted({socket.proof_id for socket in self._hub.sockets() if socket.proof_id is not None})
        for start in range(0, len(proofs), accounts.MAX_IDS):
            chunk = proofs[start : start + accounts.MAX_IDS]
            ended = await threads.read(lambda chunk=chunk: accounts.ended(chunk))  # type: ignore[misc]  # a default binds it
            if ended:
                self._hub.revoke(ended)
            await asyncio.sleep(0.02)
        for socket in [socket for socket in self._hub.sockets() if socket.previews]:
            previews = set(socket.previews or ())
            kept = await still_allowed(Principal(user_id=socket.user_id), previews)
            self._hub.cut_socket(socket, previews - kept)
