# ruff: noqa: E501 - a table reads best with a case a line
"""Bad input through both doors: each a clear error, and nothing changed."""

import asyncio
import base64
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bench.client import Json, Person, RestClient
from tests.harness.fixtures import People, Team
from tests.harness.raw import Raw

GOOD = "a long enough one"
MEGABYTE = "x" * 1_000_000
NOBODY = "1"
HUGE = str(2**63)


@dataclass
class Scene:
    """Ann owns a workspace with Bob in `channel`; `private` is hers alone; Eve is a stranger with an account."""

    team: Team
    ann: Person
    bob: Person
    eve: Person
    private: Json
    message: Json
    hidden: Json

    def fill(self, text: str) -> str:
        names = {
            "W": self.team.workspace["id"],
            "C": self.team.channel["id"],
            "P": self.private["id"],
            "M": self.message["message_id"],
            "H": self.hidden["message_id"],
            "ANN": self.ann.id,
            "BOB": self.bob.id,
            "EVE": self.eve.id,
            "MEGABYTE": MEGABYTE,
        }
        for name, value in names.items():
            text = text.replace("{" + name + "}", value)
        return text

    async def state(self) -> Json:
        """Everything that the bad input might have changed."""
        rest, base = self.ann.rest, f"/v1/workspaces/{self.team.workspace['id']}"
        return {
            "me": await rest.get("/v1/me"),
            "bob": await self.bob.rest.get("/v1/me"),
            "workspaces": await rest.get("/v1/workspaces"),
            "members": await rest.get(f"{base}/members"),
            "channels": await rest.get(f"{base}/channels"),
            "invites": await rest.get(f"{base}/invites"),
            "page": await self.ann.page(self.team.channel),
            "hidden": await self.ann.page(self.private),
            "replies": await rest.get(f"/v1/messages/{self.message['message_id']}/replies"),
        }


@pytest.fixture
async def scene(people: People) -> Scene:
    team = await people.team("Ann", "Bob")
    (eve,) = await people("Eve")
    ann, bob = team.people
    private = await ann.channel(team.workspace, "hers-alone", kind="private")
    hello, hidden = await ann.post(team.channel, "hello"), await ann.post(private, "hidden")
    made = Scene(team, ann, bob, eve, private, hello, hidden)
    # What setting up caused comes through the outbox, a moment later.
    before, now = None, await made.state()
    while before != now:
        await asyncio.sleep(0.3)
        before, now = now, await made.state()
    return made


# Who does it, how, with what body (text as it is, else JSON), and which codes are clear answers.
REST: list[tuple[str, str, str, Any, set[str]]] = [
    # malformed bodies
    ("bob", "POST", "/v1/messages", "{not json", {"invalid"}),
    ("bob", "POST", "/v1/messages", "", {"invalid"}),
    ("bob", "POST", "/v1/messages", "[]", {"invalid"}),
    ("bob", "POST", "/v1/messages", "null", {"invalid"}),
    ("bob", "POST", "/v1/messages", '"text"', {"invalid"}),
    ("bob", "POST", "/v1/messages", "\ufeff{}", {"invalid"}),
    ("bob", "POST", "/v1/messages", "[" * 100_000, {"invalid"}),
    ("bob", "POST", "/v1/messages", '{"channel_id": "{C}", "text": "\\ud800"}', {"invalid"}),
    ("bob", "POST", "/v1/messages", '{"channel_id": "{C}", "text": NaN}', {"invalid"}),
    ("bob", "POST", "/v1/messages", b'{"channel_id": "{C}", "text": "\xff\xfe"}', {"invalid"}),
    # wrong types and values
    ("bob", "POST", "/v1/messages", {}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}"}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"text": "x"}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": ""}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": None}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": 5}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": ["x"]}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": {"a": 1}}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "nul \0 byte"}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x" * 12_001}, {"invalid", "too_large"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "{MEGABYTE}"}, {"too_large", "invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x", "type": "nonsense"}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x", "type": 7}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x", "client_msg_id": "y" * 5_000}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x", "client_msg_id": {}}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x", "client_msg_id": "n\0l"}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x", "thread_id": "abc"}, {"invalid", "not_found"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x", "thread_id": NOBODY}, {"not_found", "invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x", "thread_id": "{H}"}, {"not_found", "invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x", "also_in_channel": "maybe"}, {"invalid"}),
    ("bob", "PUT", "/v1/me/status", {}, {"invalid"}),
    ("bob", "PUT", "/v1/me/status", {"emoji": "not an emoji"}, {"invalid"}),
    ("bob", "PUT", "/v1/me/status", {"text": "x" * 101}, {"invalid"}),
    ("bob", "PUT", "/v1/me/status", {"text": "x", "expires_at": 1}, {"invalid"}),
    ("bob", "PUT", "/v1/me/status", {"text": "x", "expires_at": 10**30}, {"invalid"}),
    ("bob", "PUT", "/v1/me/dnd", {"until": "tomorrow"}, {"invalid"}),
    ("bob", "PUT", "/v1/me/dnd", {"until": -1}, {"invalid"}),
    ("bob", "PUT", "/v1/me/dnd", {"schedule": {"start": "22:00"}}, {"invalid"}),
    ("bob", "PUT", "/v1/me/dnd", {"schedule": {"start": "24:00", "end": "08:00"}}, {"invalid"}),
    ("bob", "PUT", "/v1/me/dnd", {"schedule": {"start": "22:00", "end": "22:00"}}, {"invalid"}),
    ("bob", "PUT", "/v1/me/dnd", {"schedule": {"start": "22:00", "end": "08:00", "days": [7]}}, {"invalid"}),
    ("bob", "PUT", "/v1/me/presence", {"away": "yes"}, {"invalid"}),
    ("bob", "PATCH", "/v1/me", {"timezone": "Mars/Olympus"}, {"invalid"}),
    ("bob", "PATCH", "/v1/me", {"language": "tlh"}, {"invalid"}),
    ("bob", "PATCH", "/v1/me", {"language_automatic": "perhaps"}, {"invalid"}),
    ("bob", "PATCH", "/v1/me", {"toured": "perhaps"}, {"invalid"}),
    ("bob", "GET", "/v1/workspaces/{W}/presence", None, {"invalid"}),
    ("bob", "GET", "/v1/workspaces/{W}/presence?ids=" + ",".join(["1"] * 201), None, {"invalid"}),
    ("bob", "GET", "/v1/workspaces/{W}/presence?ids=" + "9" * 400, None, {"invalid"}),
    ("eve", "GET", "/v1/workspaces/{W}/presence?ids={ANN}", None, {"not_found"}),
    # unknown things and other people's
    ("bob", "POST", "/v1/messages", {"channel_id": NOBODY, "text": "x"}, {"not_found"}),
    ("bob", "POST", "/v1/messages", {"channel_id": HUGE, "text": "x"}, {"not_found", "invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "-1", "text": "x"}, {"not_found", "invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "１２", "text": "x"}, {"not_found", "invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "0x10", "text": "x"}, {"not_found", "invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": [1], "text": "x"}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": True, "text": "x"}, {"invalid"}),
    ("bob", "POST", "/v1/messages", {"channel_id": "{P}", "text": "x"}, {"not_found"}),
    ("eve", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x"}, {"not_found"}),
    ("eve", "GET", "/v1/channels/{C}/messages", None, {"not_found"}),
    ("eve", "GET", "/v1/channels/{C}", None, {"not_found"}),
    ("eve", "POST", "/v1/channels/{C}/join", None, {"not_found"}),
    ("eve", "GET", "/v1/workspaces/{W}", None, {"not_found"}),
    ("eve", "GET", "/v1/workspaces/{W}/members", None, {"not_found"}),
    ("eve", "GET", "/v1/workspaces/{W}/channels", None, {"not_found"}),
    ("eve", "PATCH", "/v1/workspaces/{W}", {"name": "mine"}, {"not_found"}),
    ("eve", "POST", "/v1/workspaces/{W}/invites", {}, {"not_found"}),
    ("eve", "POST", "/v1/workspaces/{W}/channels", {"name": "x", "kind": "public"}, {"not_found"}),
    ("eve", "PATCH", "/v1/messages/{M}", {"text": "x"}, {"not_found"}),
    ("eve", "DELETE", "/v1/messages/{M}", None, {"not_found"}),
    ("eve", "PUT", "/v1/messages/{M}/reactions/%F0%9F%91%8D", None, {"not_found"}),
    ("bob", "PATCH", "/v1/messages/{M}", {"text": "not mine"}, {"forbidden"}),
    ("bob", "DELETE", "/v1/messages/{M}", None, {"forbidden"}),
    ("bob", "PATCH", "/v1/messages/{H}", {"text": "x"}, {"not_found"}),
    ("bob", "PATCH", "/v1/messages/abc", {"text": "x"}, {"not_found", "none"}),
    ("bob", "PATCH", f"/v1/messages/{HUGE}", {"text": "x"}, {"not_found", "invalid"}),
    ("ann", "PATCH", "/v1/messages/{M}", {"text": ""}, {"invalid"}),
    ("ann", "PATCH", "/v1/messages/{M}", {"text": "n\0l"}, {"invalid"}),
    ("ann", "PATCH", "/v1/messages/{M}", {"text": "x" * 12_001}, {"invalid", "too_large"}),
    ("ann", "PATCH", "/v1/messages/{M}", {}, {"invalid"}),
    ("bob", "PUT", "/v1/messages/{M}/reactions/" + "x" * 2_000, None, {"invalid", "not_found"}),
    ("bob", "PUT", "/v1/messages/{M}/reactions/%00", None, {"invalid", "not_found"}),
    ("bob", "PUT", "/v1/messages/{M}/reactions/Not%20an%20emoji", None, {"invalid"}),
    ("bob", "PUT", "/v1/messages/{M}/reactions/%FF", None, {"invalid", "not_found"}),
    # queries
    ("bob", "GET", "/v1/channels/{C}/messages?limit=0", None, {"invalid"}),
    ("bob", "GET", "/v1/channels/{C}/messages?limit=201", None, {"invalid"}),
    ("bob", "GET", "/v1/channels/{C}/messages?limit=x", None, {"invalid"}),
    ("bob", "GET", "/v1/channels/{C}/messages?limit=" + "9" * 5_000, None, {"invalid"}),
    ("bob", "GET", "/v1/channels/{C}/messages?before=garbage", None, {"invalid"}),
    ("bob", "GET", "/v1/channels/{C}/messages?before=%00", None, {"invalid"}),
    ("bob", "GET", "/v1/channels/{C}/messages?before={M}&after={M}", None, {"invalid"}),
    ("bob", "GET", "/v1/channels/{C}/messages?around={H}", None, {"invalid", "not_found"}),
    ("bob", "GET", "/v1/workspaces/{W}/members?cursor=zzz", None, {"invalid"}),
    ("bob", "GET", "/v1/workspaces/{W}/members?cursor=WzFd", None, {"invalid"}),
    ("bob", "GET", "/v1/workspaces/{W}/channels?filter=everything", None, {"invalid"}),
    # names
    ("ann", "POST", "/v1/workspaces", {"name": "{MEGABYTE}"}, {"too_large", "invalid"}),
    ("ann", "POST", "/v1/workspaces", {"name": "x" * 5_000}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces", {"name": "n\0l"}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces", {"name": "   "}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces", {"name": ["x"]}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces", {}, {"invalid"}),
    ("ann", "PATCH", "/v1/workspaces/{W}", {"name": ""}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces/{W}/channels", {"name": "{MEGABYTE}", "kind": "public"}, {"too_large", "invalid"}),
    ("ann", "POST", "/v1/workspaces/{W}/channels", {"name": "n\0l", "kind": "public"}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces/{W}/channels", {"name": "", "kind": "public"}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces/{W}/channels", {"kind": "public"}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces/{W}/channels", {"name": "x", "kind": "secret"}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces/{W}/channels", {"name": "y", "kind": "public", "members": "all"}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces/{W}/channels", {"kind": "dm", "members": ["{EVE}"]}, {"not_found", "invalid"}),
    ("ann", "POST", "/v1/workspaces/{W}/channels", {"kind": "dm", "members": ["{BOB}", "{EVE}"]}, {"invalid", "not_found"}),
    ("ann", "POST", "/v1/workspaces/{W}/channels", {"kind": "group_dm", "members": [str(n) for n in range(1, 999)]}, {"invalid", "not_found"}),
    ("ann", "POST", "/v1/channels/{C}/members", {"user_ids": ["{EVE}"]}, {"not_found", "invalid"}),
    ("ann", "POST", "/v1/channels/{C}/members", {"user_ids": {"a": 1}}, {"invalid"}),
    ("ann", "PATCH", "/v1/channels/{C}", {"topic": "{MEGABYTE}"}, {"too_large", "invalid"}),
    ("ann", "PATCH", "/v1/channels/{C}", {"topic": 5}, {"invalid"}),
    ("ann", "PATCH", "/v1/channels/{C}", {"name": "n\0l"}, {"invalid"}),
    ("ann", "PATCH", "/v1/me", {"name": "{MEGABYTE}"}, {"too_large", "invalid"}),
    ("ann", "PATCH", "/v1/me", {"name": ""}, {"invalid"}),
    ("ann", "PATCH", "/v1/me", {"name": "n\0l"}, {"invalid"}),
    ("ann", "PATCH", "/v1/workspaces/{W}/members/{ANN}", {"role": "emperor"}, {"invalid", "forbidden"}),
    ("bob", "PATCH", "/v1/workspaces/{W}/members/{ANN}", {"role": "guest"}, {"forbidden"}),
    ("ann", "PATCH", "/v1/workspaces/{W}/members/{EVE}", {"role": "admin"}, {"not_found"}),
    ("ann", "POST", "/v1/workspaces/{W}/invites", {"role": "emperor"}, {"invalid"}),
    ("bob", "POST", "/v1/workspaces/{W}/invites", {"role": "owner"}, {"invalid", "forbidden"}),
    ("ann", "POST", "/v1/workspaces/{W}/invites", {"max_uses": -1}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces/{W}/invites", {"max_uses": 10**30}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces/{W}/invites", {"expires_in": "soon"}, {"invalid"}),
    ("ann", "POST", "/v1/workspaces/{W}/invites", {"email": "not an address"}, {"invalid"}),
    ("eve", "POST", "/v1/invites/nonsense/accept", None, {"not_found"}),
    ("eve", "GET", "/v1/invites/nonsense", None, {"not_found"}),
    # accounts
    ("nobody", "GET", "/v1/me", None, {"unauthenticated"}),
    ("nobody", "POST", "/v1/messages", {"channel_id": "{C}", "text": "x"}, {"unauthenticated"}),
    ("nobody", "GET", "/v1/channels/{C}/messages", None, {"unauthenticated"}),
    ("nobody", "POST", "/v1/auth/token", {"email": "a@b.example", "password": "wrong"}, {"unauthenticated"}),
    ("nobody", "POST", "/v1/auth/token", {"email": ["a"], "password": {}}, {"invalid"}),
    ("nobody", "POST", "/v1/auth/token", {"email": "n\0l@b.example", "password": "n\0l"}, {"invalid", "unauthenticated"}),
    ("nobody", "POST", "/v1/auth/token/refresh", {"refresh": "nonsense"}, {"unauthenticated", "invalid"}),
    ("nobody", "POST", "/v1/auth/signup", {"email": "x", "password": GOOD, "name": "X"}, {"invalid"}),
    ("nobody", "POST", "/v1/auth/signup", {"email": "a@b.example", "password": "short", "name": "X"}, {"invalid"}),
    ("nobody", "POST", "/v1/auth/signup", {"email": "a@b.example", "password": GOOD, "name": "{MEGABYTE}"}, {"too_large", "invalid"}),
    ("nobody", "POST", "/v1/auth/signup", {"email": "a@b.example", "password": "n\0l n\0l n\0l", "name": "n\0l"}, {"invalid"}),
    ("nobody", "POST", "/v1/auth/signup", {"email": "a@b.example", "password": "{MEGABYTE}", "name": "X"}, {"too_large", "invalid"}),
    ("nobody", "POST", "/v1/auth/password/reset/confirm", {"uid": "x", "token": "y", "password": GOOD}, {"invalid", "not_found"}),
    ("bob", "POST", "/v1/me/password", {"current": "wrong", "password": GOOD}, {"invalid", "forbidden", "unauthenticated"}),
    ("bob", "DELETE", "/v1/me/sessions/1", None, {"not_found"}),
    ("bob", "GET", "/v1/nonsense", None, {"not_found"}),
    ("bob", "DELETE", "/v1/me", None, {"none", "invalid", "not_found", "method_not_allowed"}),
]  # fmt: skip
STATUS = {
    "invalid": 400, "unauthenticated": 401, "forbidden": 403, "not_found": 404, "conflict": 409, "too_large": 413,
    "rate_limited": 429, "unavailable": 503, "method_not_allowed": 405,
}  # fmt: skip


def _encode(scene: Scene, body: Any) -> bytes:
    if isinstance(body, bytes):
        return body.replace(b"{C}", scene.team.channel["id"].encode())
    text = body if isinstance(body, str) else json.dumps(body)
    return scene.fill(text).encode()


async def test_rest_refuses_bad_input_clearly_and_changes_nothing(scene: Scene, people: People) -> None:
    nobody = RestClient(people.base_url)
    who = {"ann": scene.ann.rest, "bob": scene.bob.rest, "eve": scene.eve.rest, "nobody": nobody}
    before = await scene.state()
    wrong = []
    for name, method, path, body, codes in REST:
        target = scene.fill(path)
        sent = b"" if body is None else _encode(scene, body)
        response = await who[name].raw(method, target, body=sent)
        shown = f"{name} {method} {path[:80]} {str(body)[:80]}"
        wrong += [f"{shown}: {problem}" for problem in _judge(response, codes)]
        after = await scene.state()
        if after != before:
            wrong.append(f"{shown}: changed {[key for key in after if after[key] != before[key]]}")
            before = after
    await nobody.close()
    assert not wrong, "\n" + "\n".join(wrong)


def _judge(response: Any, codes: set[str]) -> list[str]:
    kind = response.headers.get("content-type", "")
    if b"Traceback" in response.body:
        return ["a traceback was shown"]
    if not kind.startswith("application/problem+json"):
        return [f"status {response.status} as {kind or 'nothing'}: {response.body[:120]!r}"]
    problem = response.json()
    found = []
    if problem["code"] not in codes:
        found.append(f"code {problem['code']} ({problem['detail'][:100]}), not one of {sorted(codes)}")
    if not problem.get("detail") or problem.get("status") != response.status:
        found.append(f"unclear problem {problem}")
    if STATUS.get(problem["code"], response.status) != response.status:
        found.append(f"status {response.status} for {problem['code']}")
    if problem["code"] == "invalid" and response.status == 400 and len(response.body) > 20_000:
        found.append(f"the answer echoes {len(response.body)} bytes")
    return found


# Frames on a signed-in socket of Bob's, and what answers: codes of an error frame, or a number that closes.
FRAMES: list[tuple[Any, set[Any]]] = [
    ("{not json", {"invalid", 4400}),
    ("", {"invalid", 4400}),
    ("[]", {"invalid", 4400}),
    ("null", {"invalid", 4400}),
    ("5", {"invalid", 4400}),
    ("[" * 60_000, {"invalid", 4400}),
    (b"\x00\x01binary", {"invalid", 4400, 1003}),
    ({}, {"invalid"}),
    ({"t": "nonsense", "id": 1}, {"invalid"}),
    ({"t": 5, "id": 1}, {"invalid"}),
    ({"t": "send", "id": 1}, {"invalid"}),
    ({"t": "send", "id": {"a": 1}, "channel_id": "{C}", "text": "x", "client_msg_id": "a"}, {"invalid"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "client_msg_id": "a"}, {"invalid"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": "", "client_msg_id": "a"}, {"invalid"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": None, "client_msg_id": "a"}, {"invalid"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": 5, "client_msg_id": "a"}, {"invalid"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": ["x"], "client_msg_id": "a"}, {"invalid"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": "n\0l", "client_msg_id": "a"}, {"invalid"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": "x" * 12_001, "client_msg_id": "a"}, {"invalid", "too_large"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": "{MEGABYTE}", "client_msg_id": "a"}, {4413, 1009}),
    ('{"t": "send", "id": 1, "channel_id": "{C}", "text": "\\ud800", "client_msg_id": "a"}', {"invalid", 4400}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": "x", "client_msg_id": "y" * 5_000}, {"invalid"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": "x", "client_msg_id": "n\0l"}, {"invalid"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": "x", "client_msg_id": "a", "type": "nonsense"}, {"invalid"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": "x", "client_msg_id": "a", "thread_id": "abc"}, {"invalid", "not_found"}),
    ({"t": "send", "id": 1, "channel_id": "{C}", "text": "x", "client_msg_id": "a", "thread_id": "{H}"}, {"not_found", "invalid"}),
    ({"t": "send", "id": 1, "channel_id": NOBODY, "text": "x", "client_msg_id": "a"}, {"not_found"}),
    ({"t": "send", "id": 1, "channel_id": HUGE, "text": "x", "client_msg_id": "a"}, {"not_found", "invalid"}),
    ({"t": "send", "id": 1, "channel_id": "-1", "text": "x", "client_msg_id": "a"}, {"not_found", "invalid"}),
    ({"t": "send", "id": 1, "channel_id": "１２", "text": "x", "client_msg_id": "a"}, {"not_found", "invalid"}),
    ({"t": "send", "id": 1, "channel_id": True, "text": "x", "client_msg_id": "a"}, {"invalid"}),
    ({"t": "send", "id": 1, "channel_id": "{P}", "text": "x", "client_msg_id": "a"}, {"not_found"}),
    ({"t": "edit", "id": 1, "message_id": "{M}", "text": "not mine"}, {"forbidden"}),
    ({"t": "edit", "id": 1, "message_id": "{H}", "text": "x"}, {"not_found"}),
    ({"t": "edit", "id": 1, "message_id": "abc", "text": "x"}, {"not_found", "invalid"}),
    ({"t": "edit", "id": 1, "message_id": "{M}"}, {"invalid"}),
    ({"t": "delete", "id": 1, "message_id": "{M}"}, {"forbidden"}),
    ({"t": "delete", "id": 1, "message_id": "{H}"}, {"not_found"}),
    ({"t": "delete", "id": 1}, {"invalid"}),
    ({"t": "react", "id": 1, "message_id": "{M}", "emoji": "Not an emoji", "on": True}, {"invalid"}),
    ({"t": "react", "id": 1, "message_id": "{M}", "emoji": "x" * 2_000, "on": True}, {"invalid"}),
    ({"t": "react", "id": 1, "message_id": "{M}", "emoji": "👍", "on": "perhaps"}, {"invalid"}),
    ({"t": "react", "id": 1, "message_id": "{H}", "emoji": "👍", "on": True}, {"not_found"}),
    ({"t": "subscribe", "id": 1}, {"invalid"}),
    ({"t": "subscribe", "id": 1, "streams": ["{C}"]}, {"invalid"}),
    ({"t": "subscribe", "id": 1, "streams": {"c:{C}": "now"}}, {"invalid"}),
    ({"t": "subscribe", "id": 1, "streams": {"c:{C}": -1}}, {"invalid"}),
    ({"t": "subscribe", "id": 1, "streams": {"c:{C}": 2**70}}, {"invalid"}),
    ({"t": "subscribe", "id": 1, "streams": {f"c:{n}": None for n in range(1, 5_000)}}, {"invalid", "too_large", 4413}),
    ({"t": "subscribe", "id": 1, "streams": {"c:{P}": None}}, {"denied"}),
    ({"t": "subscribe", "id": 1, "streams": {"u:{ANN}": None}}, {"denied"}),
    ({"t": "subscribe", "id": 1, "streams": {"x:1": None}}, {"denied", "invalid"}),
    ({"t": "subscribe", "id": 1, "streams": {"c:0": None}}, {"denied", "invalid"}),
    ({"t": "unsubscribe", "id": 1, "streams": {"c:{C}": None}}, {"invalid"}),
    ({"t": "ack", "streams": "all"}, {"invalid"}),
    ({"t": "ack", "streams": {"c:{C}": "x"}}, {"invalid"}),
    ({"t": "resume", "session": 5, "token": [], "streams": {}}, {"invalid"}),
]  # fmt: skip


async def test_the_socket_refuses_bad_frames_clearly_and_changes_nothing(scene: Scene) -> None:
    before = await scene.state()
    wrong = []
    for frame, answers in FRAMES:
        sent = frame if isinstance(frame, bytes) else scene.fill(frame if isinstance(frame, str) else json.dumps(frame))
        shown = str(frame)[:110]
        async with Raw(scene.bob.base_url) as raw:
            await raw.signed_in(await scene.bob.token())
            await raw.send(sent)
            try:
                answer = await _answer(raw)
            except TimeoutError:
                wrong.append(f"{shown}: no answer")
                continue
        if not {answer if isinstance(answer, int) else answer["code"]} & answers:
            wrong.append(f"{shown}: {answer}, not one of {answers}")
        if isinstance(answer, dict) and "id" in answer and isinstance(frame, dict) and frame.get("id") == 1:
            if answer["id"] != 1:
                wrong.append(f"{shown}: answered id {answer['id']!r}")
            if not answer.get("detail") or len(json.dumps(answer)) > 5_000:
                wrong.append(f"{shown}: unclear or endless detail {str(answer)[:200]}")
        after = await scene.state()
        if after != before:
            wrong.append(f"{shown}: changed {[key for key in after if after[key] != before[key]]}")
            before = after
    assert not wrong, "\n" + "\n".join(wrong)


async def _answer(raw: Raw) -> Json | int:
    """The error that answers, a denial as if it were one, or the code with which the socket was closed."""
    try:
        while True:
            frame = await raw.receive(deadline_s=5)
            if frame["t"] == "error":
                return frame
            if frame["t"] == "subscribed":
                return {
                    "code": "denied" if frame["denied"] and not frame["streams"] else "subscribed",
                    "detail": "denied",
                    "id": frame["id"],
                }
            if frame["t"] in {"ack", "ok", "pong"}:
                return {"code": frame["t"], "detail": "accepted", "id": frame.get("id")}
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


async def test_a_socket_that_errs_again_and_again_is_closed(scene: Scene) -> None:
    async with Raw(scene.bob.base_url) as raw:
        await raw.signed_in(await scene.bob.token())
        for _ in range(500):
            try:
                await raw.send("{nonsense")
            except Exception:  # the server has closed by now
                break
        assert await raw.close_code() in {4400, 4429}


def _forge(token: str, **claims: Any) -> str:
    """The same token with other claims and the old signature."""
    head, body, signature = token.split(".")
    payload = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    changed = base64.urlsafe_b64encode(json.dumps(payload | claims).encode()).rstrip(b"=").decode()
    return f"{head}.{changed}.{signature}"


def _unsigned(token: str) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


def _wrong_key(token: str) -> str:
    import jwt

    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": header.get("kid")})


def _expired(token: str) -> str:
    return _forge(token, exp=1)


TOKENS: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "garbage": lambda _: "garbage",
    "dots": lambda _: "a.b.c",
    "other user": lambda token: _forge(token, sub="1", user_id="1"),
    "no signature": _unsigned,
    "cut": lambda token: token[:-4],
    "another key": _wrong_key,
    "expired": _expired,
    "no bot": lambda _: "scb_" + "A" * 40,
    "a megabyte": lambda _: "a" * 30_000,
    "not ascii": lambda _: "tökén",
}


@pytest.mark.parametrize("name", TOKENS)
async def test_forged_and_expired_tokens_open_no_door(people: People, name: str) -> None:
    (ann,) = await people("Ann")
    token = TOKENS[name](await ann.token())
    response = await RestClient(people.base_url).raw(
        "GET", "/v1/me", headers={"authorization": f"Bearer {token}".encode().decode("latin-1")}
    )
    assert response.status in {401, 400, 431}, response
    async with Raw(ann.base_url) as raw:
        await raw.send({"t": "auth", "token": token})
        answer = await _answer(raw)
        # What can't be a token at all may also be called malformed.
        assert answer in {4401, 4400} if isinstance(answer, int) else answer["code"] in {"invalid", "unauthenticated"}
        with suppress(ConnectionClosed):
            await raw.send({"t": "ping", "id": 1})
        assert await raw.close_code() in {4401, 4400}, "and nothing works on that socket"
    async with Raw(ann.base_url) as raw:
        await raw.send({"t": "subscribe", "id": 1, "streams": {}})
        assert await raw.close_code() == 4401, "a command before auth"


async def test_a_refresh_token_is_no_access_token(people: People) -> None:
    (ann,) = await people("Ann")
    assert (await RestClient(people.base_url, ann.refresh).raw("GET", "/v1/me")).status == 401
    async with Raw(ann.base_url) as raw:
        await raw.send({"t": "auth", "token": ann.refresh})
        assert await raw.close_code() == 4401


async def test_a_foreign_origin_gets_nowhere(people: People) -> None:
    """A browser sends the cookie along from anywhere: the Origin decides."""
    import httpx

    (ann,) = await people("Ann")
    async with httpx.AsyncClient(base_url=people.base_url, follow_redirects=False) as browser:
        await browser.get("/signin")
        token = browser.cookies.get("csrftoken") or ""
        await browser.post(
            "/signin",
            data={"email": ann.email, "password": ann.password, "csrfmiddlewaretoken": token},
            headers={"X-CSRFToken": token, "Referer": f"{people.base_url}/signin"},
        )
        if "sessionid" not in browser.cookies:
            await browser.post(
                "/signin", json={"email": ann.email, "password": ann.password}, headers={"X-CSRFToken": token}
            )
        assert "sessionid" in browser.cookies, "could not sign in through the page"
        cookie = "; ".join(f"{key}={value}" for key, value in browser.cookies.items())
        me = await browser.get("/v1/me")
        assert (me.status_code, me.json()["id"]) == (200, ann.id)
        without = await browser.patch("/v1/me", json={"name": "Stolen"})
        assert without.status_code == 403, "a change by cookie without its CSRF token"
        assert (await browser.get("/v1/me")).json()["name"] == "Ann"
    for origin in ("https://evil.example", "null", people.base_url + ".evil.example", None):
        headers = {"Cookie": cookie} | ({"Origin": origin} if origin else {})
        try:
            async with Raw(people.base_url, headers=headers) as raw:
                assert await raw.close_code() in {4403, 4401}, origin
        except InvalidStatus as refused:
            assert refused.response.status_code == 403, origin
    async with Raw(people.base_url, headers={"Cookie": cookie, "Origin": people.base_url}) as raw:
        assert (await raw.until("hello"))["user_id"] == ann.id


async def test_big_bodies_are_refused_without_reading_them_all(people: People) -> None:
    (ann,) = await people("Ann")
    for target in ("/v1/messages", "/v1/auth/signup", "/v1/workspaces"):
        response = await ann.rest.raw("POST", target, body=b'{"name": "' + b"x" * 20_000_000 + b'"}')
        assert response.status == 413, (target, response.status)
