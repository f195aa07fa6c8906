"""The words of this room: what a device does, what a person is, and what others are shown."""

from dataclasses import dataclass
from typing import Literal

State = Literal["online", "away", "offline"]
_RANK: dict[State, int] = {"offline": 0, "away": 1, "online": 2}


@dataclass(frozen=True, slots=True)
class PresenceState:
    """`active_device`: somebody is at one of the person's devices now, also when they show themselves as away."""

    user_id: int
    state: State
    dnd: bool
    active_device: bool


def merged(*states: State) -> State:
    """Several devices are one person: the most present of them counts."""
    return max(states, key=_RANK.__getitem__, default="offline")
