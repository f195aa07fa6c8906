"""What a caller's proof allows, before any role is asked."""

from collections.abc import Iterable

from apps.accounts.principal import Principal
from apps.core.errors import ForbiddenError

SCOPES = frozenset(
    {
        "messages:read",
        "messages:write",
        "reactions:write",
        "channels:read",
        "channels:manage",
        "members:read",
        "status:write",
    }
)


def has_scope(principal: Principal, scope: str) -> bool:
    return principal.scopes is None or scope in principal.scopes


def unknown_scopes(scopes: Iterable[str]) -> list[str]:
    return sorted(set(scopes) - SCOPES)


def require_scope(principal: Principal, scope: str) -> None:
    if not has_scope(principal, scope):
        raise ForbiddenError(f"This token lacks the scope {scope}.", scope=scope)


def require_person(principal: Principal) -> None:
    """For what no scope covers: accounts, roles, invitations, tokens."""
    if principal.is_bot or principal.scopes is not None:
        raise ForbiddenError("Only a signed-in person may do this.")
