"""How often one address, and one account, may try what a guesser would repeat."""

from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.conf import settings

from apps.accounts.tokens import digest
from apps.core.errors import RateLimitedError
from apps.core.registry import rate_limiter

MINUTE = 60.0


@dataclass(frozen=True)
class Limit:
    """`burst` at once, then `per_minute`."""

    name: str
    burst: int
    per_minute: float


SIGN_IN_ADDRESS = Limit("signin-ip", burst=30, per_minute=20)
SIGN_IN_ACCOUNT = Limit("signin-account", burst=10, per_minute=5)
SIGN_UP_ADDRESS = Limit("signup-ip", burst=30, per_minute=5)
RESET_ADDRESS = Limit("reset-ip", burst=10, per_minute=2)
RESET_ACCOUNT = Limit("reset-account", burst=3, per_minute=0.2)
REFRESH_ADDRESS = Limit("refresh-ip", burst=120, per_minute=120)
REFRESH_SESSION = Limit("refresh-session", burst=20, per_minute=4)


def spend(limit: Limit, key: str | int) -> None:
    """Raises RateLimitedError. Keys are hashed: addresses of people don't belong into a shared cache."""
    factor: float = settings.AUTH_RATE_FACTOR
    wait = async_to_sync(rate_limiter().take)(
        f"{limit.name}:{digest(str(key))[:24]}",
        rate_per_s=limit.per_minute * factor / MINUTE,
        burst=max(1, int(limit.burst * factor)),
    )
    if wait > 0:
        raise RateLimitedError("Too many attempts. Wait a little.", retry_after=wait)
