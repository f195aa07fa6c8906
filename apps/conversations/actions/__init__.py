"""The verbs of this room. They are synchronous: call them from a thread, never from the event loop."""

from apps.conversations.actions.create_channel import create_channel
from apps.conversations.actions.create_default_channels import create_default_channels
from apps.conversations.actions.membership import (
    add_members,
    join_channel,
    join_default_channels,
    leave_channel,
    remove_member,
)
from apps.conversations.actions.open_dm import open_dm
from apps.conversations.actions.update_channel import archive_channel, unarchive_channel, update_channel

__all__ = [
    "add_members",
    "archive_channel",
    "create_channel",
    "create_default_channels",
    "join_channel",
    "join_default_channels",
    "leave_channel",
    "open_dm",
    "remove_member",
    "unarchive_channel",
    "update_channel",
]
