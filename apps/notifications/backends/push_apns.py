"""Apple Push Notification service: HTTP/2 with a provider token, one request per device over one connection."""

import json
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import jwt
from django.conf import settings

from apps.notifications.http import Service
from apps.notifications.ports import TAKEN, Outcome, Push, Target

# Apple refuses tokens older than an hour, and new ones more often than every 20 minutes.
_TOKEN_S = 40 * 60
_DEAD = {"BadDeviceToken", "Unregistered", "DeviceTokenNotForTopic", "ExpiredToken"}
_STALE = {"ExpiredProviderToken"}


class ApnsPusher(Service):
    def __init__(self) -> None:
        super().__init__(http2=True)
        self._token = ""
        self._token_until = 0.0

    @cached_property
    def _key(self) -> str:
        return Path(settings.APNS_KEY).read_text()

    async def send(self, target: Target, push: Push) -> Outcome:
        if not settings.APNS_KEY:
            return Outcome("refused", detail="no APNs key")
        if (pause := self.paused()) is not None:
            return pause
        body = json.dumps(payload(push), ensure_ascii=False).encode()
        for attempt in range(2):
            answer = await self.post(
                f"{settings.APNS_URL}/3/device/{target.token}",
                headers={
                    "authorization": f"bearer {self._provider_token()}",
                    "apns-topic": settings.APNS_TOPIC,
                    "apns-push-type": "background" if push.close else "alert",
                    "apns-priority": "5" if push.close else "10",
                    "apns-expiration": str(int(time.time()) + push.ttl_s),
                    "apns-collapse-id": push.tag,
                },
                content=body,
            )
            if isinstance(answer, Outcome):
                return answer
            if reason(answer) in _STALE and attempt == 0:
                self._token_until = 0.0
                continue
            return self._outcome(answer)
        return Outcome("refused", detail="never reached")

    def _outcome(self, answer: httpx.Response) -> Outcome:
        if answer.is_success:
            return TAKEN
        why = reason(answer)
        if answer.status_code == httpx.codes.GONE or why in _DEAD:
            return Outcome("dead", detail=why)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            return self.later(answer)
        return Outcome("refused", detail=f"HTTP {answer.status_code} {why}")

    def _provider_token(self) -> str:
        now = time.time()
        if now > self._token_until:
            claims = {"iss": settings.APNS_TEAM_ID, "iat": int(now)}
            self._token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": settings.APNS_KEY_ID})
            self._token_until = now + _TOKEN_S
        return self._token


def payload(push: Push) -> dict[str, Any]:
    data = dict(push.data) | {"tag": push.tag, "type": "close" if push.close else "message"}
    if push.close:
        return {"aps": {"content-available": 1}} | data
    aps: dict[str, Any] = {
        "alert": {"title": push.title, "body": push.body},
        "thread-id": push.data.get("channel_id", ""),
    }
    if not push.quiet:
        aps["sound"] = "default"
    return {"aps": aps} | data


def reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("reason", ""))
    except (ValueError, AttributeError):
        return ""
