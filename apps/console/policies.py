"""Who enters the console. Pure; each action in it asks its own room again."""

from apps.workspaces.policies import is_admin


def can_enter(role: str) -> bool:
    return is_admin(role)
