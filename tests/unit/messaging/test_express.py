"""The express lane answers what the view answers, and leaves to the view what is unusual."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from django.core.asgi import get_asgi_application

from apps.accounts import actions as accounts
from apps.messaging import registry as messaging
from apps.messaging.actions import add_reaction, delete_message, edit_message, post_message
from apps.messaging.express import Express
from tests.unit.accounts.fixtures import CLIENT
from tests.unit.messaging.conftest import Scene

pytestmark = pytest.mark.django_db(transaction=True)
Answer = tuple[int, Any, dict[str, str]]


async def ask(
    app: Any, path: str, token: str | None, *, query: str = "", method: str = "GET", accept: str = "*/*"
) -> Answer:
    headers = [(b"host", b"localhost"), (b"accept", accept.encode())]
    if token is not None:
        headers.append((b"authorization", token.encode()))
    sent: list[MutableMapping[str, Any]] = []
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    inbox.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    await app(scope, inbox.get, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], json.loads(body) if body else None, found


class Lanes:
    def __init__(self) -> None:
        self.django = get_asgi_application()
        self.passed: list[str] = []

        async def others(scope: Any, receive: Any, send: Any) -> None:
            self.passed.append(scope["path"])
            await self.django(scope, receive, send)

        self.express = Express(others)

    async def same(self, path: str, token: str | None, **more: Any) -> Answer:
        fast = await ask(self.express, path, token, **more)
        slow = await ask(self.django, path, token, **more)
        assert fast[:2] == slow[:2]
        for name in (
            "content-type",
            "retry-after",
            "www-authenticate",
            "x-content-type-options",
            "referrer-policy",
            "x-frame-options",
        ):
            assert fast[2].get(name) == slow[2].get(name), name
        return fast


async def bearer(scene: Scene, role: str) -> str:
    pair = await asyncio.to_thread(accounts.open_api_session, user=scene.team.users[role], client=CLIENT)
    return f"Bearer {pair.access}"


async def test_the_same_answers(scene: Scene, sequencing: Any) -> None:
    posts = [
        await post_message(actor=scene.member, channel_id=scene.public, text=f"*{n}* é", wait=True) for n in range(5)
    ]
    await edit_message(actor=scene.member, message_id=posts[1].message_id, text="other", wait=True)
    await delete_message(actor=scene.member, message_id=posts[2].message_id, wait=True)
    await add_reaction(actor=scene.owner, message_id=posts[3].message_id, emoji="👍", wait=True)
    lanes, token, path = Lanes(), await bearer(scene, "owner"), f"/v1/channels/{scene.public}/messages"
    status, page, _ = await lanes.same(path, token, query="limit=2")
    assert (status, len(page["results"])) == (200, 2)
    for query in (
        "",
        "limit=",
        f"limit=2&before={page['cursors']['older']}",
        f"limit=2&after={posts[0].message_id}",
        f"limit=3&around={posts[2].message_id}",
        "limit=0",
        "limit=x",
        "before=",
        "before=nonsense",
        "before=1&after=1",
        f"around={'9' * 500}",
        "limit=1&limit=2",
    ):
        await lanes.same(path, token, query=query)
    assert lanes.passed == []


async def test_the_same_refusals(scene: Scene, sequencing: Any) -> None:
    lanes, guest = Lanes(), await bearer(scene, "guest")
    assert (await lanes.same(f"/v1/channels/{scene.private}/messages", guest))[0] == 404
    assert (await lanes.same("/v1/channels/1/messages", guest))[0] == 404
    status, _, headers = await ask(lanes.express, f"/v1/channels/{scene.public}/messages", "Bearer nonsense")
    assert (status, headers["www-authenticate"][:6]) == (401, "Bearer")
    assert lanes.passed == []


async def test_the_store_down(scene: Scene, rooms: Any) -> None:
    lanes, token = Lanes(), await bearer(scene, "owner")
    await messaging.store().close()
    status, _, headers = await lanes.same(f"/v1/channels/{scene.public}/messages", token)
    assert (status, headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/channels/{}/messages", {"method": "POST"}),
        ("/v1/channels/{}/messages", {"accept": "text/html"}),
        ("/v1/channels/{}/messages", {"query": "before=" + "x" * 3000}),
        ("/v1/channels/{}/messages/", {}),
        ("/v1/channels/x/messages", {}),
        ("/v1/channels/99999999999999999999/messages", {}),
        ("/v1/channels/9999999999999999999/messages", {}),
    ],
)
async def test_the_unusual_goes_to_django(scene: Scene, rooms: Any, path: str, more: dict[str, Any]) -> None:
    lanes, token = Lanes(), await bearer(scene, "owner")
    await ask(lanes.express, path.format(scene.public), token, **more)
    assert len(lanes.passed) == 1


@pytest.mark.parametrize("proof", [None, "Basic abc", "Bearer"])
async def test_other_proofs_go_to_django(scene: Scene, rooms: Any, proof: str | None) -> None:
    lanes = Lanes()
    assert (await ask(lanes.express, f"/v1/channels/{scene.public}/messages", proof))[0] == 401
    assert len(lanes.passed) == 1
