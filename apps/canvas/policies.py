"""Who may do what with a channel's canvas: what they may do with its messages."""

from apps.conversations import policies as channels
from apps.conversations.access import Access


def can_read(access: Access) -> bool:
    return channels.can_read(access)


def can_edit(access: Access) -> bool:
    return channels.can_take_part(access)
