"""Who may do what with a channel. Pure; every door comes through here.

A guest has only the channels that somebody added them to. A private channel exists for its members only, an owner of
the workspace included. What is archived can be read and brought back, nothing else.
"""

from apps.conversations.access import Access
from apps.core.errors import ForbiddenError, NotFoundError

_CHANNELS = frozenset({"public", "private"})
_ADMINS = frozenset({"owner", "admin"})
_GUEST = "guest"


def can_create(role: str) -> bool:
    return role != _GUEST


def can_browse(role: str) -> bool:
    return role != _GUEST


def can_see(access: Access) -> bool:
    return access.is_member or (access.kind == "public" and access.role != _GUEST)


def can_read(access: Access) -> bool:
    return can_see(access)


def is_direct(access: Access) -> bool:
    """Every message in it is for everyone in it."""
    return access.kind not in _CHANNELS


def can_take_part(access: Access) -> bool:
    """Reply, react, change one's own words."""
    return access.is_member and not access.archived


def can_post(access: Access) -> bool:
    """At top level."""
    return can_take_part(access) and (
        access.posting == "everyone" or access.role in _ADMINS or access.creator_id == access.user_id
    )


def can_join(access: Access) -> bool:
    return access.kind == "public" and access.role != _GUEST and not access.archived


def can_leave(access: Access) -> bool:
    return access.kind in _CHANNELS and access.is_member and not access.is_general


def can_update(access: Access) -> bool:
    """Name, topic and purpose: its members, and admins where they need not be members to see it."""
    return _is_open_channel(access) and (access.is_member or (access.role in _ADMINS and can_see(access)))


def can_add_members(access: Access) -> bool:
    return can_update(access)


def can_manage(access: Access) -> bool:
    """An admin who sees it, or the member who made it."""
    if access.kind not in _CHANNELS or access.role == _GUEST:
        return False
    return (access.role in _ADMINS and can_see(access)) or (
        access.is_member and access.creator_id is not None and access.creator_id == access.user_id
    )


def can_archive(access: Access) -> bool:
    return can_manage(access) and not access.is_general


def can_unarchive(access: Access) -> bool:
    return can_archive(access)


def can_remove_member(access: Access) -> bool:
    return can_manage(access) and not access.archived and not access.is_general


def require(allowed: bool, access: Access, detail: str) -> None:  # noqa: FBT001 - the verdict of a policy
    """Raises NotFoundError when the channel can't even be seen, ForbiddenError when it is not allowed."""
    if allowed:
        return
    if not can_see(access):
        raise NotFoundError
    if access.archived:
        raise ForbiddenError("This channel is archived: it can be read, nothing else.")
    if access.is_member and not can_post(access) and can_take_part(access):
        raise ForbiddenError("This channel is for announcements: only admins post in it. You can reply in threads.")
    raise ForbiddenError(detail)


def _is_open_channel(access: Access) -> bool:
    return access.kind in _CHANNELS and not access.archived and access.role != _GUEST
