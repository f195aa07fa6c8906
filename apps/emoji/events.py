"""Events of a workspace's emoji, in its stream."""

from typing import ClassVar

from apps.eventlog.events import Event


class EmojiAdded(Event, frozen=True, kw_only=True):
    """Emoji of docs/protocol.md, and where."""

    type: ClassVar[str] = "emoji.added"
    workspace_id: str
    id: str
    name: str
    alias_of: str | None
    url: str
    creator_id: str
    created_at: int


class EmojiRemoved(Event, frozen=True, kw_only=True):
    """`names`: the emoji's own and its aliases'."""

    type: ClassVar[str] = "emoji.removed"
    workspace_id: str
    names: list[str]
