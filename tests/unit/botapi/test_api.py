"""Bots and their tokens through REST, and what a token then opens."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import BotToken
from apps.conversations import actions as conversations
from apps.workspaces import actions as workspaces
from apps.workspaces.models import Member
from tests.unit.accounts.fixtures import signed_in
from tests.unit.workspaces.fixtures import Team

SCOPES = ["channels:read", "messages:read"]


@pytest.fixture
def admin(team: Team) -> APIClient:
    return signed_in(team.users["admin"])


@pytest.fixture
def base(team: Team) -> str:
    return f"/v1/workspaces/{team.id}/bots"


def with_token(secret: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def make(admin: APIClient, base: str, scopes: list[str] | None = None) -> Any:
    answer = admin.post(base, {"name": "Echo", "scopes": SCOPES if scopes is None else scopes}, format="json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_bot_is_made_with_its_first_token(admin: APIClient, base: str, team: Team) -> None:
    made = make(admin, base)
    bot, token = made["bot"], made["token"]
    assert (bot["name"], bot["role"], bot["is_bot"], bot["active"]) == ("Echo", "member", True, True)
    assert token["scopes"] == SCOPES
    assert token["last_used_at"] is None
    assert made["secret"].startswith("scb_")
    assert not BotToken.objects.filter(token_hash__contains=made["secret"]).exists()
    listed = admin.get(base).json()
    assert [row["user_id"] for row in listed["results"]] == [bot["user_id"]]
    assert listed["next_cursor"] is None
    assert made["secret"] not in admin.get(f"{base}/{bot['user_id']}/tokens").content.decode()
    assert team.audit()[-1][0] == "bot.created"


def test_the_token_works_until_it_is_revoked(admin: APIClient, base: str, team: Team) -> None:
    made = make(admin, base)
    bot = with_token(made["secret"])
    tokens = f"{base}/{made['bot']['user_id']}/tokens"
    assert bot.get("/v1/me").json()["name"] == "Echo"
    second = admin.post(tokens, {"name": "Second", "scopes": ["members:read"]}, format="json")
    assert second.status_code == 201
    assert [token["name"] for token in admin.get(tokens).json()["results"]] == ["Echo", "Second"]
    assert admin.delete(f"{tokens}/{made['token']['id']}").status_code == 204
    assert bot.get("/v1/me").status_code == 401
    assert with_token(second.json()["secret"]).get("/v1/me").status_code == 200
    assert [token["name"] for token in admin.get(tokens).json()["results"]] == ["Second"]
    assert admin.delete(f"{tokens}/{made['token']['id']}").status_code == 404


def test_a_removed_bot_is_gone_for_good(admin: APIClient, base: str, team: Team) -> None:
    made = make(admin, base)
    path = f"{base}/{made['bot']['user_id']}"
    assert admin.delete(path).status_code == 204
    assert with_token(made["secret"]).get("/v1/me").status_code == 401
    assert admin.get(base).json()["results"] == []
    for answer in (
        admin.delete(path),
        admin.get(f"{path}/tokens"),
        admin.post(f"{path}/tokens", {"name": "x", "scopes": SCOPES}, format="json"),
    ):
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "", "scopes": SCOPES}, "name"),
        ({"name": "x" * 81, "scopes": SCOPES}, "name"),
        ({"name": "n\0", "scopes": SCOPES}, "name"),
        ({"name": 5, "scopes": SCOPES}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": "messages:read"}, "scopes"),
        ({"name": "x", "scopes": ["everything"]}, "scopes"),
        ({"name": "x", "scopes": ["messages:read"] * 21}, "scopes"),
        ({"name": "x", "scopes": [None]}, "scopes"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(
    admin: APIClient, base: str, team: Team, body: dict[str, Any], field: str
) -> None:
    answer = admin.post(base, body, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("application/problem+json")
    assert field in {name.partition(".")[0] for name in answer.json()["errors"]}
    assert not Member.objects.filter(user__is_bot=True).exists()


@pytest.mark.parametrize(("role", "status"), [("owner", 201), ("admin", 201), ("member", 403), ("guest", 403)])
def test_admins_make_bots(team: Team, base: str, role: str, status: int) -> None:
    client = signed_in(team.users[role])
    assert client.post(base, {"name": "Echo", "scopes": SCOPES}, format="json").status_code == status
    assert client.get(base).status_code == (200 if status == 201 else 403)


def test_strangers_and_bots_do_not(team: Team, base: str, admin: APIClient, make_user: Callable[..., Any]) -> None:
    stranger = signed_in(make_user("Stranger"))
    made = make(admin, base, ["channels:manage", "messages:write"])
    bot = with_token(made["secret"])
    path = f"{base}/{made['bot']['user_id']}"
    for client, expected in ((stranger, 404), (bot, 403), (APIClient(), 401)):
        for answer in (
            client.get(base),
            client.post(base, {"name": "y", "scopes": SCOPES}, format="json"),
            client.delete(path),
            client.get(f"{path}/tokens"),
            client.post(f"{path}/tokens", {"name": "y", "scopes": SCOPES}, format="json"),
            client.delete(f"{path}/tokens/{made['token']['id']}"),
        ):
            assert answer.status_code == expected
    assert bot.get("/v1/me").status_code == 200


def test_a_person_is_no_bot(admin: APIClient, base: str, team: Team) -> None:
    """The bot paths don't reach people, nor the bots of another workspace."""
    for user_id in (team.user_id("member"), 12345):
        assert admin.delete(f"{base}/{user_id}").status_code == 404
        assert admin.get(f"{base}/{user_id}/tokens").status_code == 404
    assert team.member("member").active
    other = workspaces.create_workspace(actor=team.actor("owner"), name="Other")
    made = make(admin, base)
    owner = signed_in(team.users["owner"])
    assert owner.delete(f"/v1/workspaces/{other.workspace_id}/bots/{made['bot']['user_id']}").status_code == 404
    assert with_token(made["secret"]).get("/v1/me").status_code == 200


def test_scopes_decide_what_a_bot_may_do(admin: APIClient, base: str, team: Team) -> None:
    channel = conversations.create_channel(actor=team.actor("owner"), workspace_id=team.id, name="open")
    attempts: dict[str, tuple[str, Callable[[APIClient], Any]]] = {
        "read a channel": ("channels:read", lambda bot: bot.get(f"/v1/channels/{channel.pk}")),
        "list channels": ("channels:read", lambda bot: bot.get(f"/v1/workspaces/{team.id}/channels")),
        "browse": ("channels:read", lambda bot: bot.get(f"/v1/workspaces/{team.id}/channels?filter=browse")),
        "join": ("channels:manage", lambda bot: bot.post(f"/v1/channels/{channel.pk}/join")),
        "leave": ("channels:manage", lambda bot: bot.post(f"/v1/channels/{channel.pk}/leave")),
        "people": ("members:read", lambda bot: bot.get(f"/v1/channels/{channel.pk}/members")),
        "directory": ("members:read", lambda bot: bot.get(f"/v1/workspaces/{team.id}/members")),
        "create": (
            "channels:manage",
            lambda bot: bot.post(f"/v1/workspaces/{team.id}/channels", {"name": "made"}, format="json"),
        ),
    }
    for scope in ("channels:read", "channels:manage", "members:read", "messages:read"):
        bot = with_token(make(admin, base, [scope])["secret"])
        could = {what for what, (_, attempt) in attempts.items() if attempt(bot).status_code < 300}
        assert could == {what for what, (needed, _) in attempts.items() if needed == scope}, scope
