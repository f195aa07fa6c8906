"""Who may make and remove emoji. Pure."""

from apps.workspaces.policies import allows, is_admin


def can_add(role: str, *, who: str) -> bool:
    """`who` is the workspace's `emoji_by`."""
    return allows(who, role)


def can_delete(role: str, *, own: bool) -> bool:
    return own or is_admin(role)
