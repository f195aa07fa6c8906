"""The REST door of messages: shapes, statuses, wrong types."""

import asyncio
import json
from typing import Any

import pytest
from django.test import AsyncClient

from apps.accounts import actions as accounts
from tests.unit.accounts.fixtures import CLIENT
from tests.unit.messaging.conftest import Scene

pytestmark = pytest.mark.django_db(transaction=True)


class Rest:
    def __init__(self, token: str) -> None:
        self._client = AsyncClient()
        self._headers = {"Authorization": f"Bearer {token}"}

    async def __call__(self, method: str, path: str, body: Any = None, *, raw: str | None = None) -> tuple[int, Any]:
        data = raw if raw is not None else "" if body is None else json.dumps(body)
        response = await self._client.generic(
            method, f"/v1{path}", data, content_type="application/json", headers=self._headers
        )
        return response.status_code, json.loads(response.content) if response.content else None


async def rest(scene: Scene, role: str) -> Rest:
    pair = await asyncio.to_thread(accounts.open_api_session, user=scene.team.users[role], client=CLIENT)
    return Rest(pair.access)


async def test_a_message_lives_through_rest(scene: Scene, sequencing: Any) -> None:
    member, owner = await rest(scene, "member"), await rest(scene, "owner")
    body = {"channel_id": str(scene.public), "text": "a *b*", "type": "text", "client_msg_id": "1"}
    status, posted = await member("POST", "/messages", body)
    assert status == 201
    assert sorted(posted) == ["message", "message_id", "seq", "timestamp"]
    message_id = posted["message_id"]
    assert posted["message"]["html"] == "<p>a <em>b</em></p>"
    assert posted["message"]["seq"] == posted["seq"]
    assert await member("POST", "/messages", body) == (201, posted)
    assert await owner("GET", f"/messages/{message_id}") == (200, posted["message"])

    status, edited = await member("PATCH", f"/messages/{message_id}", {"text": "c"})
    assert (status, edited["text"], edited["html"]) == (200, "c", None)
    status, history = await owner("GET", f"/messages/{message_id}/history")
    assert [version["text"] for version in history["results"]] == ["a *b*", "c"]

    emoji = "tada"  # the test client garbles paths beyond ASCII
    assert await owner("PUT", f"/messages/{message_id}/reactions/{emoji}") == (204, None)
    _, view = await owner("GET", f"/messages/{message_id}")
    assert view["reactions"] == [{"emoji": "tada", "user_ids": [str(scene.owner.user_id)]}]
    assert await owner("DELETE", f"/messages/{message_id}/reactions/{emoji}") == (204, None)

    status, reply = await owner(
        "POST", "/messages", {"channel_id": str(scene.public), "text": "r", "thread_id": message_id}
    )
    assert (status, reply["message"]["thread_id"], reply["message"]["thread_n"]) == (201, message_id, 1)
    status, replies = await member("GET", f"/messages/{message_id}/replies")
    assert (status, replies["results"], replies["next_cursor"]) == (200, [reply["message"]], None)
    assert replies["parent"]["reply_count"] == 1

    assert await member("PUT", f"/messages/{message_id}/follow") == (204, None)
    _, threads = await member("GET", f"/workspaces/{scene.team.id}/threads")
    assert [thread["parent"]["message_id"] for thread in threads["results"]] == [message_id]
    assert await member("DELETE", f"/messages/{message_id}/follow") == (204, None)
    _, threads = await member("GET", f"/workspaces/{scene.team.id}/threads")
    assert threads == {"results": [], "next_cursor": None}

    status, page = await owner("GET", f"/channels/{scene.public}/messages?limit=1")
    assert (status, sorted(page), page["count"]) == (200, ["count", "cursors", "results", "seq"], 1)
    assert page["cursors"] == {"older": None, "newer": None}
    assert page["results"][0]["message_id"] == message_id

    assert await member("DELETE", f"/messages/{message_id}") == (204, None)
    _, view = await owner("GET", f"/messages/{message_id}")
    assert (view["deleted"], view["text"]) == (True, "")


async def test_202_when_it_takes_too_long(scene: Scene, rooms: Any, settings: Any) -> None:
    settings.SEQUENCED_DEADLINE_S = 0.1
    member = await rest(scene, "member")
    status, posted = await member("POST", "/messages", {"channel_id": str(scene.public), "text": "x"})
    assert (status, sorted(posted)) == (202, ["message_id"])


@pytest.mark.parametrize(
    "change",
    [
        {"text": 1},
        {"text": None},
        {"text": ["a"]},
        {"text": {"a": 1}},
        {"text": True},
        {"text": ""},
        {"text": "x" * 12_001},
        {"channel_id": 5},
        {"channel_id": "abc"},
        {"channel_id": "-1"},
        {"channel_id": "9" * 30},
        {"channel_id": None},
        {"thread_id": "x"},
        {"thread_id": 1},
        {"also_in_channel": "yes"},
        {"type": 1},
        {"type": "image"},
        {"client_msg_id": 1},
        {"client_msg_id": "x" * 65},
    ],
)
async def test_wrong_bodies(scene: Scene, sequencing: Any, change: dict[str, Any]) -> None:
    member = await rest(scene, "member")
    body = {"channel_id": str(scene.public), "text": "hi"} | change
    status, problem = await member("POST", "/messages", body)
    assert (status, problem["code"]) == (400, "invalid")
    assert set(problem["errors"]) <= set(change)
    _, page = await member("GET", f"/channels/{scene.public}/messages")
    assert page["results"] == []


async def test_half_a_surrogate_pair(scene: Scene, rooms: Any) -> None:
    member = await rest(scene, "member")
    raw = f'{{"channel_id": "{scene.public}", "text": "\\ud83d"}}'
    status, problem = await member("POST", "/messages", raw=raw)
    assert (status, list(problem["errors"])) == (400, ["text"])


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "before=?", "before=", "after=" + "9" * 500])
async def test_wrong_queries(scene: Scene, sequencing: Any, query: str) -> None:
    member = await rest(scene, "member")
    await member("POST", "/messages", {"channel_id": str(scene.public), "text": "x"})
    status, problem = await member("GET", f"/channels/{scene.public}/messages?{query}")
    assert (status, problem["code"]) == (400, "invalid")


async def test_missing_and_forbidden_look_the_same(scene: Scene, sequencing: Any) -> None:
    member, guest = await rest(scene, "member"), await rest(scene, "guest")
    _, posted = await member("POST", "/messages", {"channel_id": str(scene.private), "text": "x"})
    hidden = await guest("GET", f"/messages/{posted['message_id']}")
    missing = await guest("GET", "/messages/1")
    assert hidden[0] == missing[0] == 404
    assert hidden[1]["code"] == missing[1]["code"] == "not_found"
    assert (await guest("GET", f"/channels/{scene.private}/messages"))[0] == 404
    assert (await guest("GET", "/channels/1/messages"))[0] == 404
