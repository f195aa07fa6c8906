"""REST: channels. What may be done by whom is tested at the actions; here what goes in and what comes out."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.conversations import actions
from apps.conversations.models import Channel
from tests.unit.accounts.fixtures import signed_in
from tests.unit.web.fixtures import Heads
from tests.unit.workspaces.fixtures import Team


@pytest.fixture
def member(team: Team) -> APIClient:
    return signed_in(team.users["member"])


@pytest.fixture
def base(team: Team) -> str:
    return f"/v1/workspaces/{team.id}/channels"


def made(client: APIClient, base: str, **body: Any) -> Any:
    answer = client.post(base, body, format="json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_channel_from_birth_to_archive(team: Team, member: APIClient, base: str, heads: Heads) -> None:
    admin = str(team.user_id("admin"))
    channel = made(member, base, name="Garden", topic="Roses", members=[admin])
    assert channel == {
        "id": channel["id"],
        "workspace_id": str(team.id),
        "kind": "public",
        "name": "garden",
        "topic": "Roses",
        "purpose": "",
        "archived": False,
        "posting": "everyone",
        "creator_id": str(team.user_id("member")),
        "created_at": channel["created_at"],
        "member_count": 2,
        "is_member": True,
        "member_ids": None,
        "stream": f"c:{channel['id']}",
        "seq": 0,
        "count": 0,
        "last_message_at": None,
        "unread": 0,
        "mentions": 0,
        "marker": {"n": 0, "version": 0},
    }
    path = f"/v1/channels/{channel['id']}"
    heads.seqs[channel["stream"]] = 7
    assert member.get(path).json()["seq"] == 7
    assert member.patch(path, {"name": "roses", "purpose": "p"}, format="json").json()["name"] == "roses"
    assert {row["user_id"] for row in member.get(f"{path}/members").json()["results"]} == {
        str(team.user_id("member")),
        admin,
    }
    owner = signed_in(team.users["owner"])
    assert owner.get(path).json()["is_member"] is False
    assert owner.post(f"{path}/join").json()["member_count"] == 3
    assert owner.post(f"{path}/leave").status_code == 204
    body = {"user_ids": [str(team.user_id("owner"))]}
    assert member.post(f"{path}/members", body, format="json").json()["member_count"] == 3
    assert member.delete(f"{path}/members/{team.user_id('owner')}").status_code == 204
    assert member.post(f"{path}/archive").json()["archived"] is True
    assert member.post(f"{path}/unarchive").json()["archived"] is False


def test_direct_messages(team: Team, member: APIClient, base: str) -> None:
    people = [str(team.user_id("admin"))]
    dm = made(member, base, kind="dm", members=people)
    assert (dm["kind"], dm["name"], sorted(dm["member_ids"])) == (
        "dm",
        None,
        sorted([*people, str(team.user_id("member"))]),
    )
    again = member.post(base, {"kind": "dm", "members": people}, format="json")
    assert (again.status_code, again.json()["id"]) == (200, dm["id"])
    group = made(member, base, kind="group_dm", members=[*people, str(team.user_id("owner"))])
    assert group["kind"] == "group_dm"


def test_lists(team: Team, member: APIClient, base: str) -> None:
    owner = team.actor("owner")
    for name in ("alpha", "beta", "gamma"):
        actions.create_channel(actor=owner, workspace_id=team.id, name=name)
    actions.create_channel(actor=owner, workspace_id=team.id, name="secret", kind="private")
    mine = made(member, base, name="mine", kind="private")
    assert [row["id"] for row in member.get(base).json()["results"]] == [mine["id"]]
    page = member.get(base, {"filter": "browse", "limit": "2"}).json()
    assert [row["name"] for row in page["results"]] == ["alpha", "beta"]
    page = member.get(base, {"filter": "browse", "cursor": page["next_cursor"]}).json()
    assert ([row["name"] for row in page["results"]], page["next_cursor"]) == (["gamma"], None)
    page = member.get(base, {"filter": "browse", "q": "AMM"}).json()
    assert [(row["name"], row["is_member"]) for row in page["results"]] == [("gamma", False)]


def test_while_the_store_is_away(member: APIClient, base: str, heads: Heads) -> None:
    channel = made(member, base, name="garden")
    heads.down = True
    for row in (member.get(f"/v1/channels/{channel['id']}").json(), member.get(base).json()["results"][0]):
        assert (row["seq"], row["count"], row["last_message_at"], row["partial"]) == (None, None, None, True)
        assert row["name"] == "garden"
    assert made(member, base, name="still-works")["partial"] is True


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "two words"}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "n\0"}, "name"),
        ({"name": "x", "kind": "secret"}, "kind"),
        ({"name": "x", "topic": "t" * 251}, "topic"),
        ({"name": "x", "purpose": ["p"]}, "purpose"),
        ({"name": "x", "members": "1"}, "members"),
        ({"name": "x", "members": [1]}, "members"),
        ({"name": "x", "members": ["-1"]}, "members"),
        ({"name": "x", "members": ["99999999999999999999"]}, "members"),
        ({"name": "x", "members": ["12345"]}, "members"),
        ({"kind": "dm", "members": ["12345"]}, "members"),
        ({"kind": "group_dm", "members": [str(n) for n in range(1, 9)]}, "members"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(
    team: Team, member: APIClient, base: str, body: dict[str, Any], field: str
) -> None:
    answer = member.post(base, body, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("application/problem+json")
    assert field in {name.partition(".")[0] for name in answer.json()["errors"]}
    assert not Channel.objects.exists()


@pytest.mark.parametrize("query", [{"filter": "all"}, {"limit": "0"}, {"limit": "x"}, {"cursor": "nonsense"}])
def test_bad_questions(member: APIClient, base: str, query: dict[str, str]) -> None:
    assert member.get(base, query).status_code == 400


def test_what_is_hidden_is_not_found(team: Team, base: str, member: APIClient, make_user: Callable[..., Any]) -> None:
    channel = made(member, base, name="secret", kind="private")
    path = f"/v1/channels/{channel['id']}"
    for client in (signed_in(team.users["owner"]), signed_in(make_user("Stranger"))):
        for there in (path, "/v1/channels/12345"):
            for answer in (
                client.get(there),
                client.patch(there, {"topic": "t"}, format="json"),
                client.get(f"{there}/members"),
                client.post(f"{there}/members", {"user_ids": [str(team.user_id("owner"))]}, format="json"),
                client.delete(f"{there}/members/{team.user_id('member')}"),
                *(client.post(f"{there}/{verb}") for verb in ("join", "leave", "archive", "unarchive")),
            ):
                assert (answer.status_code, answer.json()["detail"]) == (404, "Not found")
    assert APIClient().get(path).status_code == 401
    assert member.get(path).json()["topic"] == ""


def test_a_list_takes_the_same_few_queries_however_long(
    team: Team, member: APIClient, base: str, django_assert_max_num_queries: Any
) -> None:
    for index in range(30):
        actions.create_channel(actor=team.actor("member"), workspace_id=team.id, name=f"room-{index}")
    member.get(base)
    for query in ({}, {"filter": "browse"}):
        with django_assert_max_num_queries(6):
            assert len(member.get(base, query).json()["results"]) == 30
