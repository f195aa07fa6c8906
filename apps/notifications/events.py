"""Events of this room, in the person's own stream: their other tabs and devices follow."""

from typing import ClassVar

from apps.eventlog.events import Event


class PreferencesChanged(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "notifications.preferences_changed"
    workspace_id: str
    level: str
    keywords: list[str]
    email: bool
    content_free: bool
    sound: bool
    digest: str = "soon"


class ChannelPreferenceChanged(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "notifications.channel_changed"
    workspace_id: str
    channel_id: str
    level: str | None
    muted: bool
    muted_until: int | None
