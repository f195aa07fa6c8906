"""Firebase Cloud Messaging, HTTP v1: an OAuth access token from a service account, one request per device."""

import asyncio
import json
import time
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
from django.conf import settings

from apps.notifications.http import Service
from apps.notifications.ports import TAKEN, Outcome, Push, Target

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_S = 3600
_EARLY_S = 300
# What FCM says of a token that will never work again.
_DEAD = {"UNREGISTERED", "SENDER_ID_MISMATCH"}


class FcmPusher(Service):
    def __init__(self) -> None:
        super().__init__()
        self._access = ""
        self._access_until = 0.0
        self._fetching = asyncio.Lock()

    @cached_property
    def _account(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(Path(settings.FCM_CREDENTIALS).read_text())
        return found

    async def send(self, target: Target, push: Push) -> Outcome:
        if not settings.FCM_CREDENTIALS:
            return Outcome("refused", detail="no FCM credentials")
        if (pause := self.paused()) is not None:
            return pause
        url = f"{settings.FCM_URL}/v1/projects/{self._account['project_id']}/messages:send"
        body = json.dumps({"message": {"token": target.token} | message(push)}, ensure_ascii=False).encode()
        for attempt in range(2):
            token = await self._token()
            if isinstance(token, Outcome):
                return token
            answer = await self.post(
                url,
                headers={"authorization": f"Bearer {token}", "content-type": "application/json; charset=utf-8"},
                content=body,
            )
            if isinstance(answer, Outcome):
                return answer
            if answer.status_code == httpx.codes.UNAUTHORIZED and attempt == 0:
                self._access_until = 0.0
                continue
            return self._outcome(answer)
        return Outcome("refused", detail="never reached")

    def _outcome(self, answer: httpx.Response) -> Outcome:
        if answer.is_success:
            return TAKEN
        code = error_code(answer)
        if code in _DEAD or (code == "INVALID_ARGUMENT" and "registration token" in answer.text):
            return Outcome("dead", detail=code)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            return self.later(answer)
        return Outcome("refused", detail=f"HTTP {answer.status_code} {code}")

    async def _token(self) -> str | Outcome:
        async with self._fetching:
            now = time.time()
            if now < self._access_until:
                return self._access
            account = self._account
            claims = {
                "iss": account["client_email"],
                "scope": _SCOPE,
                "aud": account["token_uri"],
                "iat": int(now),
                "exp": int(now) + _ASSERTION_S,
            }
            assertion = jwt.encode(
                claims, account["private_key"], algorithm="RS256", headers={"kid": account.get("private_key_id", "")}
            )
            answer = await self.post(
                account["token_uri"],
                headers={"content-type": "application/x-www-form-urlencoded"},
                content=urlencode({"grant_type": _GRANT, "assertion": assertion}).encode(),
            )
            if isinstance(answer, Outcome):
                return answer
            if not answer.is_success:
                return self.later(answer)
            granted = answer.json()
            self._access = str(granted["access_token"])
            self._access_until = now + max(float(granted.get("expires_in", _ASSERTION_S)) - _EARLY_S, 1.0)
            return self._access


def message(push: Push) -> dict[str, Any]:
    data = dict(push.data) | {"tag": push.tag, "type": "close" if push.close else "message"}
    android: dict[str, Any] = {
        "ttl": f"{push.ttl_s}s",
        "collapse_key": push.tag,
        "priority": "NORMAL" if push.close else "HIGH",
    }
    if push.close:
        return {"data": data, "android": android}
    android["notification"] = {"tag": push.tag} | ({"notification_priority": "PRIORITY_LOW"} if push.quiet else {})
    return {"data": data, "android": android, "notification": {"title": push.title, "body": push.body}}


def error_code(answer: httpx.Response) -> str:
    """FcmError's own code where there is one, else the status of google.rpc; "" when neither can be read."""
    try:
        error = answer.json()["error"]
        for detail in error.get("details", ()):
            if detail.get("@type", "").endswith("FcmError"):
                return str(detail["errorCode"])
        return str(error.get("status", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
