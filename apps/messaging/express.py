"""The express lane of history: what the REST view answers, without Django's middleware and threads in between.

It takes `GET /v1/channels/{id}/messages` with a bearer token, the one read that every scroll makes, in the event loop:
a page then costs about what reading and encoding it costs. Everything else, and whatever is unusual about such a
request, goes on to Django, whose view answers the same (tests/unit/messaging/test_express.py compares them). A token is
looked up every TOKEN_LEASE_S; whether its holder may see the channel is asked each time.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings

from apps.core import problems
from apps.core.errors import AppError
from apps.messaging import api, queries
from apps.messaging.servicer import Tokens

Scope = Mapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]  # every framework types ASGI in its own way

_PATH = re.compile(r"/v1/channels/([1-9][0-9]{0,18})/messages")
_QUERY_MAX = 2000
_log = logging.getLogger(__name__)


class Express:
    """Wraps the ASGI application of everything else."""

    def __init__(self, others: App, *, tokens: Tokens | None = None) -> None:
        self._others = others
        self._tokens = tokens or Tokens()
        self._headers = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", settings.SECURE_REFERRER_POLICY.encode()),
            (b"x-frame-options", settings.X_FRAME_OPTIONS.encode()),
        ]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        taken = _taken(scope)
        if taken is None:
            await self._others(scope, receive, send)
            return
        channel_id, authorization = taken
        status, content_type = 200, b"application/json"
        extra: dict[str, str] = {}
        try:
            actor = await self._tokens.principal({"authorization": authorization})
            wanted = api.history_query(dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)))
            page = await queries.history(actor=actor, channel_id=channel_id, **wanted)
            body = api.encode(api.history_answer(page))
        except Exception as error:  # noqa: BLE001 - as the view's exception handler does
            known = problems.translate(error)
            if known is None:
                _log.exception("GET %s failed", scope["path"])
                known = problems.InternalError()
            status, content_type, extra, body = _problem(known)
        headers = [
            (b"content-type", content_type),
            (b"content-length", str(len(body)).encode()),
            *self._headers,
            *((name.lower().encode(), value.encode()) for name, value in extra.items()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _taken(scope: Scope) -> tuple[int, str] | None:
    """The channel id and the Authorization header of a request for this lane."""
    if scope["type"] != "http" or scope["method"] != "GET" or len(scope["query_string"]) > _QUERY_MAX:
        return None
    found = _PATH.fullmatch(scope["path"])
    if found is None or int(found[1]) >= 1 << 63 or not scope["query_string"].isascii():
        return None
    authorization = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if authorization is not None:
                return None
            authorization = value.decode("latin-1")
        elif name == b"accept" and b"json" not in value and b"*/*" not in value:
            return None
    if authorization is None or authorization[:7].lower() != "bearer ":
        return None
    return int(found[1]), authorization


def _problem(error: AppError) -> tuple[int, bytes, dict[str, str], bytes]:
    return error.status, problems.CONTENT_TYPE.encode(), problems.headers(error), api.encode(error.problem())
