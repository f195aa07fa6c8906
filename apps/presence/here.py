"""What the sockets of this process make of their people. No input or output; time is passed in."""

from collections import deque
from collections.abc import Iterable, Mapping

from apps.presence.states import State

GRACE_S = 30.0  # a device that is gone counts for so long: a hand-off to another network must not flap (M13)


class Here:
    """A device is a socket with whether somebody is active at it; one that left stays as a ghost for the grace."""

    def __init__(self, *, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._devices: dict[int, dict[object, bool]] = {}
        self._ghosts: deque[tuple[float, int, object]] = deque()
        self._written: dict[int, State] = {}
        self._dirty: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._devices)

    def arrived(self, user_id: int, device: object) -> None:
        devices = self._devices.setdefault(user_id, {})
        for ghost in [one for one in devices if isinstance(one, _Ghost)]:
            del devices[ghost]
        devices[device] = True
        self._dirty[user_id] = None

    def active(self, user_id: int, device: object, *, on: bool) -> None:
        devices = self._devices.get(user_id, {})
        if device in devices and devices[device] is not on:
            devices[device] = on
            self._dirty[user_id] = None

    def left(self, user_id: int, device: object, now: float) -> None:
        """Idempotent."""
        devices = self._devices.get(user_id, {})
        if device not in devices:
            return
        was_active = devices.pop(device)
        if not devices or (was_active and not any(devices.values())):
            ghost = _Ghost()
            devices[ghost] = was_active
            self._ghosts.append((now + self._grace_s, user_id, ghost))

    def changes(self, now: float) -> dict[int, State]:
        """What is to be written: who differs from what `wrote` was told last."""
        while self._ghosts and self._ghosts[0][0] <= now:
            _, user_id, ghost = self._ghosts.popleft()
            devices = self._devices.get(user_id, {})
            if devices.pop(ghost, None) is not None:
                self._dirty[user_id] = None
            if not devices:
                self._devices.pop(user_id, None)
        found = {user_id: self.state(user_id) for user_id in self._dirty}
        changed = {user_id: state for user_id, state in found.items() if self._written.get(user_id, "offline") != state}
        self._dirty = dict.fromkeys(changed)
        return changed

    def state(self, user_id: int) -> State:
        devices = self._devices.get(user_id)
        if not devices:
            return "offline"
        return "online" if any(devices.values()) else "away"

    def wrote(self, states: Mapping[int, State]) -> None:
        for user_id, state in states.items():
            if state == "offline":
                self._written.pop(user_id, None)
            else:
                self._written[user_id] = state
            if self.state(user_id) == state:
                self._dirty.pop(user_id, None)

    def lost(self) -> None:
        """Nothing of what was written is there any more."""
        self._written.clear()
        self._dirty = dict.fromkeys(self._devices)

    def users(self) -> Iterable[int]:
        return self._devices.keys()


class _Ghost:
    __slots__ = ()
