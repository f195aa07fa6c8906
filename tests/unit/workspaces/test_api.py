from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.workspaces.models import Invitation
from tests.unit.accounts.fixtures import signed_in


@pytest.fixture
def rest(team):
    return {role: signed_in(user) for role, user in team.users.items()}


def test_members_change_through_rest(team, rest):
    path = f"/v1/workspaces/{team.id}/members/{team.user_id('guest')}"
    answer = rest["admin"].patch(path, {"role": "member", "handle": "gee"}, format="json")
    assert answer.status_code == 200
    assert answer.json() == {
        "user_id": str(team.user_id("guest")),
        "name": "The Guest",
        "handle": "gee",
        "role": "member",
        "is_bot": False,
        "active": True,
        "joined_at": answer.json()["joined_at"],
        "timezone": "",
        "status": None,
    }
    for body in ({"role": 5}, {"active": "no"}, {"active": None}, {"handle": "x" * 99}, {"role": "king"}):
        bad = rest["admin"].patch(path, body, format="json")
        assert (bad.status_code, bad.json()["errors"].keys()) == (400, body.keys())
    assert rest["member"].patch(path, {"role": "guest"}, format="json").status_code == 403


def test_invitations_through_rest(team, rest, ann):
    path = f"/v1/workspaces/{team.id}/invites"
    made = rest["member"].post(path, {"role": "guest", "max_uses": 2, "expires_in": 3600}, format="json")
    assert made.status_code == 201
    body = made.json()
    assert body.keys() >= {"id", "code", "url", "email", "role", "expires_at", "uses", "max_uses"}
    shown = APIClient().get(f"/v1/invites/{body['code']}")
    assert shown.json() == {
        "workspace": {"id": str(team.id), "name": "Acme"},
        "inviter": "The Member",
        "role": "guest",
    }
    (row,) = rest["member"].get(path).json()["results"]
    assert row["id"] == body["id"]
    assert "code" not in row
    assert "url" not in row
    bodies: list[dict[str, Any]] = [
        {"max_uses": "2"},
        {"max_uses": True},
        {"expires_in": 1.5},
        {"email": {}},
        {"role": None},
    ]
    for bad in bodies:
        assert rest["member"].post(path, bad, format="json").status_code == 400
    assert rest["guest"].post(path, {}, format="json").status_code == 403
    assert rest["member"].delete(f"{path}/{body['id']}").status_code == 204
    assert APIClient().get(f"/v1/invites/{body['code']}").status_code == 404
    assert Invitation.objects.count() == 1


def test_the_audit_log_is_for_admins_and_paged(team, rest):
    for number in range(3):
        rest["owner"].post(f"/v1/workspaces/{team.id}/invites", {"max_uses": number + 1}, format="json")
    path = f"/v1/workspaces/{team.id}/audit"
    first = rest["admin"].get(f"{path}?limit=2").json()
    rest_of = rest["admin"].get(f"{path}?limit=2&cursor={first['next_cursor']}").json()
    assert [row["detail"]["max_uses"] for row in first["results"] + rest_of["results"]] == [3, 2, 1]
    assert first["results"][0].keys() == {"id", "actor_id", "action", "target", "detail", "at"}
    assert rest_of["next_cursor"] is None
    assert rest["member"].get(path).status_code == 403


def test_everything_of_a_foreign_workspace_is_missing(team, ann):
    outsider = signed_in(ann)
    someone = team.user_id("guest")
    for workspace_id in (team.id, 1, 10**30):
        base = f"/v1/workspaces/{workspace_id}"
        answers = [
            outsider.patch(f"{base}/members/{someone}", {"role": "owner"}, format="json"),
            outsider.post(f"{base}/invites", {}, format="json"),
            outsider.get(f"{base}/invites"),
            outsider.delete(f"{base}/invites/1"),
            outsider.get(f"{base}/audit"),
            outsider.get(f"{base}/members"),
            outsider.get(base),
            outsider.patch(base, {"name": "Mine"}, format="json"),
        ]
        assert [answer.status_code for answer in answers] == [404] * len(answers)
        assert {answer.json()["detail"] for answer in answers} == {"Not found"}
    assert team.unchanged()


def test_bots_through_rest(team, rest, ann):
    path = f"/v1/workspaces/{team.id}/bots"
    made = rest["admin"].post(path, {"name": "Echo", "scopes": ["messages:read"]}, format="json")
    assert made.status_code == 201
    body = made.json()
    assert body["bot"]["is_bot"] is True
    assert body["token"].keys() >= {"id", "name", "scopes", "created_at", "last_used_at"}
    bot = f"{path}/{body['bot']['user_id']}"
    second = rest["admin"].post(f"{bot}/tokens", {"name": "two", "scopes": ["channels:read"]}, format="json").json()
    shown = rest["admin"].get(f"{bot}/tokens")
    assert [row["id"] for row in shown.json()["results"]] == [body["token"]["id"], second["token"]["id"]]
    assert body["secret"] not in shown.content.decode()
    assert [row["handle"] for row in rest["admin"].get(path).json()["results"]] == ["echo"]

    caller = APIClient()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {second['secret']}")
    assert caller.get("/v1/me").json()["name"] == "Echo"
    assert rest["admin"].delete(f"{bot}/tokens/{second['token']['id']}").status_code == 204
    assert caller.get("/v1/me").status_code == 401
    assert rest["admin"].delete(bot).status_code == 204
    assert rest["admin"].get(path).json()["results"] == []
    assert rest["admin"].delete(bot).status_code == 404


def test_bots_are_for_admins_and_their_scopes_are_known(team, rest, ann):
    path = f"/v1/workspaces/{team.id}/bots"
    good = {"name": "Echo", "scopes": ["messages:read"]}
    for scopes in ([], ["root"], "messages:read", None, ["messages:read"] * 50):
        assert rest["admin"].post(path, good | {"scopes": scopes}, format="json").status_code == 400
    person = f"{path}/{team.user_id('member')}"
    for client, status in ((rest["member"], 403), (signed_in(ann), 404)):
        assert client.post(path, good, format="json").status_code == status
        assert client.get(path).status_code == status
        assert client.get(f"{person}/tokens").status_code == status
        assert client.delete(person).status_code == status
    assert rest["admin"].get(f"{person}/tokens").status_code == 404
    assert rest["admin"].delete(person).status_code == 404
    assert rest["admin"].post(f"{person}/tokens", good, format="json").status_code == 404
    assert team.unchanged()
