"""Events of a person's own stream, so that all their devices agree. Others hear of it through presence."""

from typing import ClassVar, TypedDict

from apps.accounts.queries import Status
from apps.eventlog.events import Event


class ScheduleJson(TypedDict):
    start: str
    end: str
    days: list[int]


class StatusChanged(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "status.changed"
    audience: ClassVar[str] = "user"
    status: Status | None


class DndChanged(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "dnd.changed"
    audience: ClassVar[str] = "user"
    until: int | None
    schedule: ScheduleJson | None


class AwayChanged(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "away.changed"
    audience: ClassVar[str] = "user"
    away: bool
