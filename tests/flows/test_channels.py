"""Channels: find, join, leave, change, archive; who may see and do what."""

import pytest

from bench.client import Person, ProblemError
from tests.harness.doors import DOORS, Door
from tests.harness.fixtures import People


async def refused(attempt) -> str:
    with pytest.raises(ProblemError) as error:
        await attempt
    return error.value.code


async def test_browse_search_join_and_leave(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    for name in ("garden", "garage", "kitchen"):
        await ann.channel(team.workspace, name)
    await ann.channel(team.workspace, "gardeners-secret", kind="private")
    listing = f"/v1/workspaces/{team.workspace['id']}/channels"
    found = (await bob.rest.get(listing, filter="browse", q="gar"))["results"]
    assert {channel["name"] for channel in found} == {"garden", "garage"}
    garden = next(channel for channel in found if channel["name"] == "garden")
    assert garden["is_member"] is False
    joined = await bob.rest.post(f"/v1/channels/{garden['id']}/join")
    assert (joined["is_member"], joined["member_count"]) == (True, 2)
    assert garden["id"] in {channel["id"] for channel in (await bob.rest.get(listing))["results"]}
    await bob.post(garden, "hello garden")
    await bob.rest.post(f"/v1/channels/{garden['id']}/leave")
    assert garden["id"] not in {channel["id"] for channel in (await bob.rest.get(listing))["results"]}
    assert [m["text"] for m in await bob.history(garden)] == ["hello garden"], "a public channel may be read"
    assert await refused(bob.post(garden, "after leaving")) == "forbidden"


async def test_lists_come_in_pages(people: People) -> None:
    team = await people.team("Ann")
    ann = team.people[0]
    names = {f"room-{index:02}" for index in range(7)}
    for name in names:
        await ann.channel(team.workspace, name)
    found, cursor, pages = [], None, 0
    while True:
        page = await ann.rest.get(
            f"/v1/workspaces/{team.workspace['id']}/channels", filter="browse", q="room-", limit=3, cursor=cursor
        )
        found += [channel["name"] for channel in page["results"]]
        pages += 1
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert (sorted(found), pages) == (sorted(names), 3)


async def test_a_private_channel_does_not_exist_for_others(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    private = await ann.channel(team.workspace, "hidden", kind="private")
    posted = await ann.post(private, "hush")
    path = f"/v1/channels/{private['id']}"
    attempts = [
        bob.rest.get(path),
        bob.page(private),
        bob.rest.post(f"{path}/join"),
        bob.rest.post(f"{path}/archive"),
        bob.rest.patch(path, {"topic": "mine"}),
        bob.rest.get(f"{path}/members"),
        bob.rest.post(f"{path}/members", {"user_ids": [bob.id]}),
        bob.post(private, "hello?"),
        bob.rest.get(f"/v1/messages/{posted['message_id']}"),
        bob.rest.patch(f"/v1/messages/{posted['message_id']}", {"text": "x"}),
        bob.rest.delete(f"/v1/messages/{posted['message_id']}"),
        bob.rest.get(f"/v1/messages/{posted['message_id']}/replies"),
        bob.rest.get(f"/v1/messages/{posted['message_id']}/history"),
        bob.rest.put(f"/v1/messages/{posted['message_id']}/reactions/%F0%9F%91%8D"),
        bob.post(team.channel, "reply across", thread_id=posted["message_id"]),
    ]
    for index, attempt in enumerate(attempts):
        assert (index, await refused(attempt)) == (index, "not_found")
    assert [m["text"] for m in await ann.history(private)] == ["hush"]


async def test_changes_are_announced(people: People) -> None:
    team = await people.team("Ann", "Bob", "Cy")
    ann, bob, cy = team.people
    workspace_stream = f"w:{team.workspace['id']}"
    socket = await bob.socket(team.stream, workspace_stream)
    await ann.rest.patch(
        f"/v1/channels/{team.channel['id']}", {"name": "renamed", "topic": "Tea", "purpose": "To talk of tea"}
    )
    await ann.rest.delete(f"/v1/channels/{team.channel['id']}/members/{cy.id}")
    made = await ann.channel(team.workspace, "brand-new")
    await socket.until(lambda: len(socket.events[team.stream]) >= 2)
    await socket.until(lambda: any(e["type"] == "channel.created" for e in socket.events[workspace_stream]))
    updated, left = socket.events[team.stream]
    assert updated["type"] == "channel.updated"
    assert updated["data"] == {
        "channel_id": team.channel["id"],
        "name": "renamed",
        "topic": "Tea",
        "purpose": "To talk of tea",
        "posting": "everyone",
        "changed": ["name", "purpose", "topic"],
        "old_name": "general-talk",
    }
    assert left["type"] == "channel.member_left"
    assert left["data"] == {"channel_id": team.channel["id"], "user_id": cy.id, "by": ann.id}
    created = next(e for e in socket.events[workspace_stream] if e["type"] == "channel.created")
    assert (created["data"]["id"], created["data"]["name"]) == (made["id"], "brand-new")
    assert (await bob.rest.get(f"/v1/channels/{team.channel['id']}"))["topic"] == "Tea"


@pytest.mark.parametrize("door", DOORS, ids=str)
async def test_an_archived_channel_is_read_only(people: People, door: Door) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    message_id = (await bob.post(team.channel, "while it was open"))["message_id"]
    archived = await ann.rest.post(f"/v1/channels/{team.channel['id']}/archive")
    assert archived["archived"] is True
    async with door.of(bob) as act:
        for attempt in (
            act.post(team.channel["id"], "too late"),
            act.edit(message_id, "changed"),
            act.react(message_id, "👍"),
        ):
            assert await refused(attempt) in {"forbidden", "conflict"}
    (message,) = await bob.history(team.channel)
    assert (message["text"], message["reactions"]) == ("while it was open", [])
    assert (await ann.rest.post(f"/v1/channels/{team.channel['id']}/unarchive"))["archived"] is False
    async with door.of(bob) as act:
        await act.post(team.channel["id"], "open again")


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("guest", {"post"}),
        ("member", {"post", "create", "browse", "workspace stream"}),
        ("admin", {"post", "create", "browse", "workspace stream", "invite", "audit", "roles"}),
    ],
)
async def test_roles(people: People, role: str, may: set[str]) -> None:
    ann, bob, cy = await people("Ann", "Bob", "Cy")
    workspace = await ann.workspace("Roles")
    await ann.bring(workspace, bob, role=role)
    await ann.bring(workspace, cy)
    channel = await ann.channel(workspace, "lobby", bob)
    await ann.channel(workspace, "elsewhere")
    base = f"/v1/workspaces/{workspace['id']}"

    async def browse() -> None:
        found = (await bob.rest.get(f"{base}/channels", filter="browse"))["results"]
        if "elsewhere" not in {channel["name"] for channel in found}:
            raise ProblemError("hidden", "")

    async def follow() -> None:
        socket = await bob.socket()
        if (await socket.subscribe(f"w:{workspace['id']}"))["denied"]:
            raise ProblemError("denied", "")

    attempts = {
        "post": bob.post(channel, "hello"),
        "create": bob.channel(workspace, "made-by-bob"),
        "browse": browse(),
        "workspace stream": follow(),
        "invite": bob.rest.post(f"{base}/invites", {"role": "admin"}),
        "audit": bob.rest.get(f"{base}/audit"),
        "roles": bob.rest.patch(f"{base}/members/{cy.id}", {"role": "guest"}),
        "owner": bob.rest.patch(f"{base}/members/{ann.id}", {"role": "guest"}),
    }
    could = set()
    for what, attempt in attempts.items():
        try:
            await attempt
        except ProblemError as error:
            assert error.code in {"forbidden", "not_found", "hidden", "denied"}, what
        else:
            could.add(what)
    # Whether plain members may invite others is a choice of policy; that they can't hand out admin is not.
    assert could == may


async def test_an_invitation_runs_out(people: People) -> None:
    ann, bob, cy = await people("Ann", "Bob", "Cy")
    workspace = await ann.workspace("Small")
    invite = await ann.rest.post(f"/v1/workspaces/{workspace['id']}/invites", {"max_uses": 1})
    await bob.rest.post(f"/v1/invites/{invite['code']}/accept")
    assert await refused(cy.rest.post(f"/v1/invites/{invite['code']}/accept")) in {"not_found", "conflict", "forbidden"}
    other = await ann.rest.post(f"/v1/workspaces/{workspace['id']}/invites", {})
    await ann.rest.delete(f"/v1/workspaces/{workspace['id']}/invites/{other['id']}")
    assert await refused(cy.rest.post(f"/v1/invites/{other['code']}/accept")) in {"not_found", "conflict"}
    assert await refused(_see(cy, workspace["id"])) == "not_found"


async def test_two_channels_cannot_share_a_name(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    await ann.channel(team.workspace, "unique")
    assert await refused(bob.channel(team.workspace, "unique")) == "conflict"


async def _see(person: Person, workspace_id: str) -> object:
    return await person.rest.get(f"/v1/workspaces/{workspace_id}")
