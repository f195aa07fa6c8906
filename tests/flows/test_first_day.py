"""Two people sign up, one invites the other, they talk: in a channel, a private channel, a DM, a group DM."""

import pytest

from bench.client import Person, ProblemError, RestClient
from bench.product import Product
from tests.harness.fixtures import People


async def test_two_people_meet_and_talk(people: People) -> None:
    ann, bob = await people("Ann", "Bob")
    workspace = await ann.workspace("Tea Makers")
    assert (workspace["name"], workspace["role"], workspace["stream"]) == (
        "Tea Makers",
        "owner",
        f"w:{workspace['id']}",
    )
    invite = await ann.rest.post(f"/v1/workspaces/{workspace['id']}/invites", {})
    anonymous = RestClient(people.base_url)
    preview = await anonymous.get(f"/v1/invites/{invite['code']}")
    await anonymous.close()
    assert preview["workspace"] == {"id": workspace["id"], "name": "Tea Makers"}
    assert preview["inviter"] == "Ann"
    assert invite["url"].endswith(invite["code"])
    joined = await bob.rest.post(f"/v1/invites/{invite['code']}/accept")
    assert (joined["id"], joined["role"]) == (workspace["id"], "member")
    members = (await bob.rest.get(f"/v1/workspaces/{workspace['id']}/members"))["results"]
    assert {(member["user_id"], member["role"]) for member in members} == {(ann.id, "owner"), (bob.id, "member")}

    channel = await ann.channel(workspace, "kettle", bob)
    ann_socket, bob_socket = await ann.socket(channel["stream"]), await bob.socket(channel["stream"])
    ack = await ann_socket.send(channel["id"], "Is it *hot*?")
    answer = await bob.post(channel, "It boils.", client_msg_id="b-1")
    assert answer["seq"] == answer["message"]["seq"]
    for socket in (ann_socket, bob_socket):
        events = await socket.has(channel["stream"], 2)
        assert [(e["type"], e["data"]["message_id"], e["data"]["text"]) for e in events] == [
            ("message.posted", ack["message_id"], "Is it *hot*?"),
            ("message.posted", answer["message_id"], "It boils."),
        ]
        assert [e["data"]["sender_id"] for e in events] == [ann.id, bob.id]
    history = await bob.history(channel)
    assert history == [event["data"] for event in bob_socket.events[channel["stream"]]]
    assert "<em>hot</em>" in history[0]["html"]
    assert history[1]["html"] is None
    assert history[1]["client_msg_id"] == "b-1"


@pytest.mark.parametrize("others", [1, 2], ids=["dm", "group_dm"])
async def test_a_direct_conversation_is_one_and_only_its_members(people: People, others: int) -> None:
    team = await people.team("Ann", "Bob", "Cy", "Eve")
    ann, eve = team.people[0], team.people[-1]
    members = team.people[1 : 1 + others]
    made = await ann.direct(team.workspace, *members)
    assert made["kind"] == ("dm" if others == 1 else "group_dm")
    assert set(made["member_ids"]) == {ann.id, *(member.id for member in members)}
    again = await members[0].direct(team.workspace, ann, *members[1:])
    assert again["id"] == made["id"]
    sockets = [await person.socket(made["stream"]) for person in (ann, *members)]
    await sockets[0].send(made["id"], "psst")
    for socket in sockets:
        assert (await socket.has(made["stream"], 1))[0]["data"]["text"] == "psst"
    for attempt in (eve.page(made), eve.post(made, "let me in"), eve.rest.get(f"/v1/channels/{made['id']}")):
        with pytest.raises(ProblemError) as refused:
            await attempt
        assert refused.value.code == "not_found"
    listening = await eve.socket()
    assert (await listening.subscribe(made["stream"]))["denied"] == [made["stream"]]
    assert made["id"] not in {c["id"] for c in await _channels(eve, team.workspace["id"])}


async def test_a_new_member_hears_of_a_conversation_through_their_own_stream(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    socket = await bob.socket(f"u:{bob.id}")
    made = await ann.channel(team.workspace, "secret-plans", bob, kind="private")
    mine = socket.events[f"u:{bob.id}"]
    await socket.until(lambda: any(event["data"]["channel_id"] == made["id"] for event in mine))
    event = mine[-1]
    assert event["type"] == "membership.added"
    assert event["data"] == {"channel_id": made["id"], "workspace_id": team.workspace["id"]}
    seen = await bob.rest.get(f"/v1/channels/{made['id']}")
    assert (seen["is_member"], seen["kind"]) == (True, "private")


async def test_a_snapshot_and_later_events_are_a_fresh_snapshot(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    await ann.post(team.channel, "before")
    socket = await bob.socket(team.stream)
    snapshot = await bob.page(team.channel)
    assert snapshot["seq"] >= socket.followed[team.stream]["seq"]
    await ann.post(team.channel, "after")
    await socket.until(lambda: socket.last[team.stream] > snapshot["seq"])
    later = [event for event in socket.events[team.stream] if event["seq"] > snapshot["seq"]]
    fresh = await bob.page(team.channel)
    assert [event["data"] for event in reversed(later)] + snapshot["results"] == fresh["results"]
    assert fresh["seq"] == socket.last[team.stream]
    assert fresh["count"] == later[-1]["count"]


async def test_history_pages_both_ways_and_around(people: People) -> None:
    team = await people.team("Ann")
    ann = team.people[0]
    posted = [await ann.post(team.channel, f"line {index}") for index in range(25)]
    ids = [message["message_id"] for message in posted]
    newest = await ann.page(team.channel, limit=10)
    assert [m["message_id"] for m in newest["results"]] == ids[:-11:-1]
    assert newest["cursors"]["newer"] is None
    older = await ann.page(team.channel, limit=10, before=newest["cursors"]["older"])
    assert [m["message_id"] for m in older["results"]] == ids[5:15][::-1]
    back = await ann.page(team.channel, limit=10, after=older["cursors"]["newer"])
    assert back["results"] == newest["results"]
    by_id = await ann.page(team.channel, limit=3, before=ids[3])
    assert [m["message_id"] for m in by_id["results"]] == ids[2::-1]
    assert by_id["cursors"]["older"] is None
    around = await ann.page(team.channel, limit=5, around=ids[12])
    assert ids[12] in [m["message_id"] for m in around["results"]]
    assert around["cursors"]["older"]
    assert around["cursors"]["newer"]
    assert [m["n"] for m in await ann.history(team.channel, limit=7)] == list(range(1, 26))


async def test_password_reset_ends_every_session(product: Product, people: People) -> None:
    (ann,) = await people("Ann")
    socket = await ann.socket()
    anonymous = RestClient(people.base_url)
    for email in (ann.email, "nobody@example.com"):
        assert (
            await anonymous.raw("POST", "/v1/auth/password/reset", body=b'{"email": "%s"}' % email.encode())
        ).status == 202
    await anonymous.close()
    await ann.rest.post("/v1/me/password", {"current": ann.password, "password": "a quite new secret"})
    with pytest.raises(ProblemError) as refused:
        await ann.rest.post("/v1/auth/token", {"email": ann.email, "password": ann.password})
    assert refused.value.status == 401
    assert await ann.rest.post("/v1/auth/token", {"email": ann.email, "password": "a quite new secret"})
    await socket.close()


async def _channels(person: Person, workspace_id: str) -> list[dict[str, str]]:
    mine: list[dict[str, str]] = (await person.rest.get(f"/v1/workspaces/{workspace_id}/channels"))["results"]
    browse: list[dict[str, str]] = (await person.rest.get(f"/v1/workspaces/{workspace_id}/channels", filter="browse"))[
        "results"
    ]
    return mine + browse
