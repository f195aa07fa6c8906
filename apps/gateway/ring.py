"""Which gateway a user belongs to: rendezvous hashing (Thaler and Ravishankar, 1996).

Every user ranks all gateways by a hash of both and takes the first. Without a table or virtual nodes the users spread
evenly, and when one of N gateways comes or goes only the users that it wins or loses move, about 1/N.
"""

import hashlib
from collections.abc import Iterable


def choose(user_id: int, gateways: Iterable[str]) -> str | None:
    """None when there is no gateway."""
    return max(gateways, key=lambda gateway: (_weight(user_id, gateway), gateway), default=None)


def _weight(user_id: int, gateway: str) -> bytes:
    return hashlib.blake2b(f"{user_id} {gateway}".encode(), digest_size=8).digest()
