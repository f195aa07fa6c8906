import pytest
from rest_framework.test import APIClient

from apps.conversations.models import Channel, Membership
from apps.workspaces import actions as workspaces
from apps.workspaces.models import Invitation, Member, Workspace
from tests.unit.accounts.fixtures import PASSWORD, person, signed_in


def channels_of(user):
    rows = Membership.objects.filter(user=user)
    return set(rows.values_list("channel__name", flat=True))


def test_a_workspace_starts_with_its_channels(ann, heads):
    rest = signed_in(ann)
    made = rest.post("/v1/workspaces", {"name": "Acme"}, format="json")
    assert made.status_code == 201
    workspace_id = made.json()["id"]
    assert made.json() == {
        "id": workspace_id,
        "name": "Acme",
        "slug": "acme",
        "role": "owner",
        "created_at": made.json()["created_at"],
        "stream": f"w:{workspace_id}",
        "seq": 0,
        "emoji_by": "members",
        "groups_by": "admins",
    }
    assert channels_of(ann) == {"general", "random"}
    heads.seqs[f"w:{workspace_id}"] = 7
    assert rest.get(f"/v1/workspaces/{workspace_id}").json()["seq"] == 7
    heads.down = True
    assert [row["seq"] for row in rest.get("/v1/workspaces").json()["results"]] == [None]


def test_a_workspace_without_channels_is_never_left_behind(ann, monkeypatch):
    def broken(**_):
        raise RuntimeError

    monkeypatch.setattr("apps.conversations.actions.create_default_channels", broken)
    rest = signed_in(ann)
    rest.raise_request_exception = False
    answer = rest.post("/v1/workspaces", {"name": "Acme"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "RuntimeError" not in answer.content.decode()
    assert not Workspace.objects.exists()


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": None}, {"name": 5}, {"name": "x" * 81}, {"name": "a\u0000"}]
)
def test_bad_names(ann, body):
    answer = signed_in(ann).post("/v1/workspaces", body, format="json")
    assert (answer.status_code, answer.json()["errors"].keys()) == (400, {"name"})
    assert not Workspace.objects.exists()


def test_an_invitation_leads_into_the_default_channels(team, ann):
    from apps.conversations import actions as conversations

    conversations.create_default_channels(actor=team.actor("owner"), workspace_id=team.id)
    made = workspaces.create_invite(actor=team.actor("member"), workspace_id=team.id)
    rest = signed_in(ann)
    joined = rest.post(f"/v1/invites/{made.code}/accept")
    assert (joined.status_code, joined.json()["role"]) == (200, "member")
    assert channels_of(ann) == {"general", "random"}
    Membership.objects.filter(user=ann, channel__name="random").delete()
    assert rest.post(f"/v1/invites/{made.code}/accept").status_code == 200
    assert channels_of(ann) == {"general"}, "who left a channel is not put back by an old link"


def test_guests_enter_no_channel_by_themselves(team, ann):
    from apps.conversations import actions as conversations

    conversations.create_default_channels(actor=team.actor("owner"), workspace_id=team.id)
    made = workspaces.create_invite(actor=team.actor("member"), workspace_id=team.id, role="guest")
    assert signed_in(ann).post(f"/v1/invites/{made.code}/accept").status_code == 200
    assert channels_of(ann) == set()


def test_a_dead_link_and_no_sign_in(team, ann):
    assert signed_in(ann).post("/v1/invites/nope/accept").status_code == 404
    assert APIClient().post("/v1/invites/nope/accept").status_code == 401
    assert not Member.objects.filter(user=ann).exists()


def test_members_are_listed_for_members_and_guests_see_their_channels_people(team):
    path = f"/v1/workspaces/{team.id}/members"
    owner = signed_in(team.users["owner"])
    answer = owner.get(f"{path}?limit=3").json()
    assert [row["handle"] for row in answer["results"]] == ["the.admin", "the.guest", "the.member"]
    rest = owner.get(f"{path}?limit=3&cursor={answer['next_cursor']}").json()
    assert [row["handle"] for row in rest["results"]] == ["the.owner"]
    assert [row["handle"] for row in owner.get(f"{path}?q=mem").json()["results"]] == ["the.member"]

    two = f"{team.user_id('owner')},{team.user_id('guest')}"
    assert [row["handle"] for row in owner.get(f"{path}?ids={two}").json()["results"]] == ["the.guest", "the.owner"]
    assert owner.get(f"{path}?ids=12345").json()["results"] == []

    guest = signed_in(team.users["guest"])
    assert guest.get(path).json()["results"] == []
    assert guest.get(f"{path}?ids={two}").json()["results"] == []
    channel = Channel.objects.create(workspace=team.workspace, kind="private", name="deal")
    for role in ("guest", "admin"):
        Membership.objects.create(channel=channel, user=team.users[role])
    assert [row["handle"] for row in guest.get(path).json()["results"]] == ["the.admin", "the.guest"]


@pytest.mark.parametrize("ids", ["", "x", "1,", "0", "-1", "1;2", "99999999999999999999", ",".join(["7"] * 101)])
def test_ids_that_are_none(team, ids):
    answer = signed_in(team.users["owner"]).get(f"/v1/workspaces/{team.id}/members", {"ids": ids})
    assert answer.status_code == 400
    assert "ids" in answer.json()["errors"]


def test_bots_need_the_scope_for_members(team):
    for scopes, status in (["members:read"], 200), (["messages:read"], 403):
        _, _, secret = workspaces.create_bot(
            actor=team.actor("owner"), workspace_id=team.id, name="Echo", scopes=scopes
        )
        rest = APIClient()
        rest.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        assert rest.get(f"/v1/workspaces/{team.id}/members").status_code == status
        assert rest.post(f"/v1/workspaces/{team.id}/invites", {}, format="json").status_code == 403
    assert not Invitation.objects.exists()


def test_me_changes_its_name(team):
    rest = signed_in(team.users["member"])
    assert rest.patch("/v1/me", {"name": "Em"}, format="json").json()["name"] == "Em"
    assert rest.patch("/v1/me", {}, format="json").json()["name"] == "Em"
    assert rest.patch("/v1/me", {"name": " "}, format="json").status_code == 400


def test_a_workspace_is_renamed_by_admins(team):
    path = f"/v1/workspaces/{team.id}"
    assert signed_in(team.users["admin"]).patch(path, {"name": "New"}, format="json").json()["name"] == "New"
    assert signed_in(team.users["admin"]).patch(path, {}, format="json").json()["name"] == "New"
    assert signed_in(team.users["guest"]).patch(path, {"name": "Mine"}, format="json").status_code == 403


def test_a_cookie_needs_a_csrf_token_to_change_something(ann):
    browser = APIClient(enforce_csrf_checks=True)
    page = browser.get("/signin")
    form = {"email": ann.email, "password": PASSWORD, "csrfmiddlewaretoken": page.context["csrf_token"]}
    assert browser.post("/signin", form).status_code == 302
    assert browser.get("/v1/me").json()["email"] == ann.email
    refused = browser.post("/v1/workspaces", {"name": "Acme"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    token = browser.cookies["csrftoken"].value
    made = browser.post("/v1/workspaces", {"name": "Acme"}, format="json", HTTP_X_CSRFTOKEN=token)
    assert made.status_code == 201
    assert browser.post("/v1/auth/signout", HTTP_X_CSRFTOKEN=token).status_code == 204
    assert browser.get("/v1/me").status_code == 401


def test_unknown_paths_of_the_api_are_problems(client):
    answer = client.get("/v1/nothing")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


def test_the_schema_describes_these_doors(client, db):
    schema = client.get("/v1/schema?format=json").json()
    assert {"/v1/me", "/v1/workspaces", "/v1/auth/token", "/v1/invites/{code}/accept"} <= schema["paths"].keys()
    assert client.get("/v1/docs?script=")["Content-Type"].startswith("application/javascript")
    docs = client.get("/v1/docs")
    assert docs.status_code == 200
    assert b"<style>" not in docs.content


def test_actions_of_outsiders_leave_no_membership(team, ann):
    assert signed_in(ann).get(f"/v1/workspaces/{team.id}/members").status_code == 404
    assert workspaces.create_workspace(actor=person(ann), name="Own").role == "owner"
