"""What a role may do in its workspace. Pure: every predicate is a table in tests/unit/workspaces/test_policies.py."""

from apps.workspaces.roles import Role, Who

_RANK = {Role.GUEST: 0, Role.MEMBER: 1, Role.ADMIN: 2, Role.OWNER: 3}
BOT_ROLES = frozenset({Role.MEMBER, Role.GUEST})


def rank(role: str) -> int:
    return _RANK[Role(role)]


def is_admin(role: str) -> bool:
    """Owner or admin."""
    return rank(role) >= _RANK[Role.ADMIN]


def allows(who: str, role: str) -> bool:
    """What a workspace leaves to `who`. Guests are never among them."""
    return is_admin(role) if who == Who.ADMINS else rank(role) >= _RANK[Role.MEMBER]


def can_see_directory(role: str) -> bool:
    """Guests see the people of their channels only."""
    return rank(role) >= _RANK[Role.MEMBER]


def can_follow_workspace(role: str) -> bool:
    return can_see_directory(role)


def can_invite(role: str) -> bool:
    return rank(role) >= _RANK[Role.MEMBER]


def can_grant(actor: str, role: str) -> bool:
    """Nobody gives a right that they lack."""
    return can_invite(actor) and rank(role) <= rank(actor)


def can_revoke_invitation(role: str, *, own: bool) -> bool:
    return own or is_admin(role)


def can_rename_workspace(role: str) -> bool:
    return is_admin(role)


def can_manage_groups(role: str, *, who: str) -> bool:
    """`who` is the workspace's `groups_by`."""
    return allows(who, role)


def can_manage_members(role: str) -> bool:
    return is_admin(role)


def can_touch(actor: str, target: str) -> bool:
    """Whether `actor` may change or deactivate a member who is `target`: owners are only for owners."""
    return can_manage_members(actor) and rank(target) <= rank(actor)


def can_change_role(actor: str, *, old: str, new: str) -> bool:
    return can_touch(actor, old) and rank(new) <= rank(actor)


def can_change_handle(actor: str, target: str, *, own: bool) -> bool:
    return own or can_touch(actor, target)


def can_manage_bots(role: str) -> bool:
    return is_admin(role)


def can_see_audit(role: str) -> bool:
    return is_admin(role)
