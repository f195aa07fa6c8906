"""Events of the person's own stream. They say what changed, never a text: a client fetches that."""

from typing import ClassVar

from apps.eventlog.events import Event


class SavedChanged(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "saved.changed"
    audience: ClassVar[str] = "user"
    workspace_id: str
    message_id: str
    saved: bool
    done: bool


class DraftChanged(Event, frozen=True, kw_only=True):
    """`kept` false: it was sent or thrown away. `origin` is the client's own word, so that it knows its own change."""

    type: ClassVar[str] = "draft.changed"
    audience: ClassVar[str] = "user"
    workspace_id: str
    channel_id: str
    thread_id: str | None
    kept: bool
    origin: str | None


class ScheduledChanged(Event, frozen=True, kw_only=True):
    """state: waiting, failed, sent or cancelled."""

    type: ClassVar[str] = "scheduled.changed"
    audience: ClassVar[str] = "user"
    workspace_id: str
    channel_id: str
    id: str
    state: str


class ReminderChanged(Event, frozen=True, kw_only=True):
    """state: waiting, due or done."""

    type: ClassVar[str] = "reminder.changed"
    audience: ClassVar[str] = "user"
    workspace_id: str
    id: str
    state: str


class SidebarChanged(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "sidebar.changed"
    audience: ClassVar[str] = "user"
    workspace_id: str


EVENTS: dict[str, type[Event]] = {
    event.type: event for event in (SavedChanged, DraftChanged, ScheduledChanged, ReminderChanged, SidebarChanged)
}
