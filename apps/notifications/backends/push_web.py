"""Web Push: RFC 8030 (the service), RFC 8291 (encryption), RFC 8292 (VAPID)."""

import base64
import hashlib
import json
import time
from urllib.parse import urlsplit

import http_ece
import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from apps.notifications import endpoints, push_key
from apps.notifications.http import Service
from apps.notifications.ports import TAKEN, Outcome, Push, Target

_TOKEN_S = 12 * 3600
_TOKENS_MAX = 1_000
_BODY_MAX = 3_000
_GONE = {httpx.codes.NOT_FOUND, httpx.codes.GONE}


class WebPusher(Service):
    def __init__(self) -> None:
        super().__init__()
        self._tokens: dict[str, tuple[str, float]] = {}

    async def send(self, target: Target, push: Push) -> Outcome:
        key = push_key.private_key()
        if key is None:
            return Outcome("refused", detail="no VAPID key")
        if not endpoints.is_allowed(target.token):
            return Outcome("dead", detail="not a known push service")
        return self.paused() or await self._post(target, push, key)

    async def _post(self, target: Target, push: Push, key: ec.EllipticCurvePrivateKey) -> Outcome:
        try:
            body = http_ece.encrypt(
                payload(push),
                private_key=ec.generate_private_key(ec.SECP256R1()),
                dh=_decoded(target.p256dh),
                auth_secret=_decoded(target.auth),
                version="aes128gcm",
            )
        except ValueError as error:
            return Outcome("dead", detail=f"unusable keys: {error}")
        answer = await self.post(
            target.token,
            headers={
                "authorization": f"vapid t={self._token(target.token, key)},k={push_key.public_key()}",
                "content-encoding": "aes128gcm",
                "content-type": "application/octet-stream",
                "ttl": str(push.ttl_s),
                "urgency": "normal" if push.close or push.quiet else "high",
                "topic": topic(push.tag),
            },
            content=body,
        )
        return answer if isinstance(answer, Outcome) else self._outcome(answer)

    def _outcome(self, answer: httpx.Response) -> Outcome:
        if answer.is_success:
            return TAKEN
        if answer.status_code in _GONE:
            return Outcome("dead", detail=f"HTTP {answer.status_code}")
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            return self.later(answer)
        return Outcome("refused", detail=f"HTTP {answer.status_code}: {answer.text[:100]}")

    def _token(self, endpoint: str, key: ec.EllipticCurvePrivateKey) -> str:
        parts = urlsplit(endpoint)
        audience = f"{parts.scheme}://{parts.netloc}"
        token, until = self._tokens.get(audience, ("", 0.0))
        now = time.time()
        if now > until:
            claims = {"aud": audience, "exp": int(now) + _TOKEN_S, "sub": settings.VAPID_SUBJECT}
            token = jwt.encode(claims, key, algorithm="ES256")
            self._tokens[audience] = token, now + _TOKEN_S / 2
            while len(self._tokens) > _TOKENS_MAX:
                del self._tokens[next(iter(self._tokens))]
        return token


def payload(push: Push) -> bytes:
    """What the service worker gets: frontend/app/public/sw.js reads it."""
    what: dict[str, object] = {"tag": push.tag, "close": push.close}
    if not push.close:
        what |= {"title": push.title, "body": push.body, "quiet": push.quiet, "data": dict(push.data)}
    return json.dumps(what, ensure_ascii=False).encode()[:_BODY_MAX]


def topic(tag: str) -> str:
    """At most 32 characters of base64url."""
    return base64.urlsafe_b64encode(hashlib.sha256(tag.encode()).digest()[:24]).decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
