"""For one process, and for simulations: any number of gateways may share one instance."""

import time
from collections.abc import Callable, Collection, Mapping

from apps.presence.ports import Beat, Change, Seen
from apps.presence.states import State, merged


class MemoryPresence:
    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._leases: dict[str, float] = {}
        self._users: dict[int, dict[str, State]] = {}
        self._version = 0

    async def beat(self, gateway: str, *, lease_s: float) -> Beat:
        known = self._lives(gateway)
        self._leases = {name: until for name, until in self._leases.items() if self._lives(name)}
        self._leases[gateway] = self._clock() + lease_s
        return Beat(known, frozenset(self._leases))

    async def put(self, gateway: str, states: Mapping[int, State]) -> Mapping[int, Change]:
        self._version += 1
        changes = {}
        for user_id, state in states.items():
            before = self._merged(user_id)
            here = self._users.setdefault(user_id, {})
            for dead in [name for name in here if name != gateway and not self._lives(name)]:
                del here[dead]
            if state == "offline":
                here.pop(gateway, None)
            else:
                here[gateway] = state
            changes[user_id] = Change(before, self._merged(user_id), self._version)
            if not here:
                del self._users[user_id]
        return changes

    async def leave(self, gateway: str, *, grace_s: float) -> None:
        if gateway in self._leases:
            self._leases[gateway] = min(self._leases[gateway], self._clock() + grace_s)

    async def read(self, user_ids: Collection[int]) -> Mapping[int, Seen]:
        return self.read_now(user_ids)

    def read_now(self, user_ids: Collection[int]) -> Mapping[int, Seen]:
        self._version += 1
        return {user_id: Seen(self._merged(user_id), self._version) for user_id in user_ids}

    def _lives(self, gateway: str) -> bool:
        return self._leases.get(gateway, 0.0) > self._clock()

    def _merged(self, user_id: int) -> State:
        here = list(self._users.get(user_id, {}).items())  # read from other threads too
        return merged(*(state for gateway, state in here if self._lives(gateway)))
