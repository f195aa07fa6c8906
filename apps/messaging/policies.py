"""Who may do what with a message, beyond what the channel allows. Pure."""

from apps.conversations import policies as channels
from apps.conversations.access import Access
from apps.workspaces.policies import is_admin


def can_edit(access: Access, sender_id: int) -> bool:
    return sender_id == access.user_id and channels.can_take_part(access)


def can_delete(access: Access, sender_id: int) -> bool:
    """In an archived channel nothing changes any more, for nobody."""
    if access.archived:
        return False
    return (sender_id == access.user_id and access.is_member) or is_admin(access.role)


def can_react(access: Access) -> bool:
    return channels.can_take_part(access)


def can_pin(access: Access) -> bool:
    return channels.can_post(access)


def can_forward(source: Access, target: Access, *, readers_are_members: bool) -> bool:
    """What everyone may read may go anywhere in its workspace; the rest only to people who can read it already."""
    return source.kind == "public" or source.channel_id == target.channel_id or readers_are_members
