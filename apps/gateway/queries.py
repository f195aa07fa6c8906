"""Reads: where a user's socket belongs, and where it is."""

from typing import NamedTuple

from django.conf import settings

from apps.gateway import registry, ring

EXPIRES_IN_S = 30


class Gateway(NamedTuple):
    gateway: str
    url: str


async def gateway_for(user_id: int) -> Gateway | None:
    """The gateway that the ring gives for this user; while nothing can be known, whichever answers at GATEWAY_URL."""
    alive = await registry.gateways().alive()
    if alive is None:
        return Gateway("", settings.GATEWAY_URL)
    chosen = ring.choose(user_id, alive)
    return None if chosen is None else Gateway(chosen, alive[chosen])


async def gateway_of(user_id: int) -> str | None:
    """The gateway that holds the user's newest socket; None when there is none, or when it can't be known."""
    return await registry.gateways().gateway_of(user_id)
