"""Access tokens (JWT) and the opaque secrets: refresh tokens and bot tokens.

A JWT names the key that signed it (`kid`). The last key of settings.JWT_KEYS signs, every one verifies, so keys rotate
without ending a session. The algorithm is pinned: what the token's header says about it is not believed.
"""

import base64
import functools
import hashlib
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from django.conf import settings

from apps.core.errors import UnauthenticatedError

ALGORITHM = "HS256"
AUDIENCE = "slackclone"
ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=30)
BOT_PREFIX = "scb_"
REFRESH_PREFIX = "scr_"
_CLOCK_SKEW = timedelta(seconds=10)
_ALPHABET = string.ascii_letters + string.digits
_MAX_TOKEN_CHARS = 2048


@dataclass(frozen=True)
class Access:
    user_id: int
    session_id: int
    expires_at_ms: int


@functools.lru_cache(maxsize=4)
def _keys(text: str) -> dict[str, bytes]:
    """From `KID:BASE64,…`, in order."""
    keys: dict[str, bytes] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        kid, _, value = part.partition(":")
        keys[kid] = base64.b64decode(value, validate=True)
    if not keys or any(len(key) < 32 for key in keys.values()):  # noqa: PLR2004 - RFC 7518 §3.2
        raise ValueError("JWT_KEYS: at least one key, each of 32 bytes or more")
    return keys


def sign_access(*, user_id: int, session_id: int, at: datetime) -> str:
    keys = _keys(settings.JWT_KEYS)
    kid = next(reversed(keys))
    claims = {
        "iss": settings.PUBLIC_URL,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "sid": str(session_id),
        "jti": secrets.token_urlsafe(12),
        "iat": at,
        "exp": at + ACCESS_LIFETIME,
    }
    return jwt.encode(claims, keys[kid], algorithm=ALGORITHM, headers={"kid": kid})


def read_access(token: str) -> Access:
    """Raises UnauthenticatedError for anything but an unexpired token that one of our keys signed."""
    try:
        if len(token) > _MAX_TOKEN_CHARS:
            raise jwt.InvalidTokenError
        kid = jwt.get_unverified_header(token).get("kid")
        key = _keys(settings.JWT_KEYS).get(kid) if isinstance(kid, str) else None
        if key is None:
            raise jwt.InvalidKeyError
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=settings.PUBLIC_URL,
            leeway=_CLOCK_SKEW,
            options={"require": ["exp", "iat", "sub", "sid", "jti", "iss", "aud"]},
        )
        return Access(int(claims["sub"]), int(claims["sid"]), int(claims["exp"]) * 1000)
    except jwt.ExpiredSignatureError as error:
        raise UnauthenticatedError("The access token has expired.") from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise UnauthenticatedError("Not a valid access token.") from error


def new_refresh() -> str:
    return REFRESH_PREFIX + secrets.token_urlsafe(32)


def new_bot() -> str:
    return BOT_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(40))


def digest(secret: str) -> str:
    """What is stored. A plain hash is enough: the secrets have 190 bits and more."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
