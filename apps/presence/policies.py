"""Pure: when a person does not want to be disturbed, and what others are shown of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.accounts.queries import Status
from apps.presence.states import PresenceState, State

_DAYS_AHEAD = 9
_MINUTES_PER_HOUR = 60


@dataclass(frozen=True, slots=True)
class Schedule:
    """From `start` to `end` (minutes after midnight, in the person's time zone), beginning on these days (0: Monday).

    An `end` before the `start` is on the next day.
    """

    start: int
    end: int
    days: Sequence[int]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person has set: away by hand, and not to be disturbed until a moment or by a schedule."""

    away: bool = False
    dnd_until: datetime | None = None
    schedule: Schedule | None = None
    timezone: str = ""


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Person:
    """What the database knows of somebody, for those who watch them."""

    wishes: Wishes = NO_WISHES
    status: Status | None = None


NOBODY = Person()


def in_dnd(wishes: Wishes, at: datetime) -> bool:
    if wishes.dnd_until is not None and at < wishes.dnd_until:
        return True
    return wishes.schedule is not None and _scheduled(wishes.schedule, at.astimezone(_zone(wishes.timezone)))


def next_change(wishes: Wishes, at: datetime) -> datetime | None:
    """The first moment after `at` at which `in_dnd` differs."""
    now = in_dnd(wishes, at)
    return next((moment for moment in _boundaries(wishes, at) if in_dnd(wishes, moment) != now), None)


def shown(user_id: int, seen: State, wishes: Wishes, at: datetime) -> PresenceState:
    state: State = "away" if wishes.away and seen == "online" else seen
    return PresenceState(user_id, state, in_dnd(wishes, at), active_device=seen == "online")


def _scheduled(schedule: Schedule, local: datetime) -> bool:
    minute, day = local.hour * _MINUTES_PER_HOUR + local.minute, local.weekday()
    if schedule.start < schedule.end:
        return day in schedule.days and schedule.start <= minute < schedule.end
    return (day in schedule.days and minute >= schedule.start) or (
        (day - 1) % 7 in schedule.days and minute < schedule.end
    )


def _boundaries(wishes: Wishes, at: datetime) -> Sequence[datetime]:
    found = [wishes.dnd_until] if wishes.dnd_until is not None else []
    if wishes.schedule is not None:
        zone = _zone(wishes.timezone)
        midnight = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
        for days in range(-1, _DAYS_AHEAD):
            # An hour that the clocks skip or repeat: whatever the wall shows as the boundary is looked at.
            for minutes in (wishes.schedule.start, wishes.schedule.end):
                wall = midnight + timedelta(days=days, minutes=minutes)
                found += [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return sorted(moment for moment in found if moment > at)


def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name or "UTC")
