"""Resume tokens: a proof that a session was given to a user, readable by every gateway without a look-up.

Nothing is kept for it: the user authenticates anew at every connect, and what was missed is found by the seqs that the
client names. So a session can be resumed at any gateway and at any time, also while Redis is down or empty.
"""

import functools
import hashlib
import hmac
import secrets

from django.conf import settings

_CONTEXT = b"slackclone.gateway.resume"


def new_session() -> str:
    return secrets.token_urlsafe(12)


def mint(session: str, user_id: int) -> str:
    return hmac.digest(_key(settings.SECRET_KEY), f"{user_id} {session}".encode(), hashlib.sha256).hex()[:40]


@functools.lru_cache(maxsize=1)
def _key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), _CONTEXT, hashlib.sha256)


def valid(token: str, session: str, user_id: int) -> bool:
    return token.isascii() and hmac.compare_digest(token, mint(session, user_id))
