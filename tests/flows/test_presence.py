"""Who is here and who is typing, over real sockets, at one gateway and across two."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from bench.client import Json, Person, ProblemError, SocketClient
from bench.product import Product
from tests.harness.fixtures import People

FULL: Json = {"dnd": False, "status": None}  # what a socket leaves out
MakePeople = Callable[[Product], People]


def webs(product: Product) -> tuple[str, str]:
    """Two gateways where there are two."""
    names = [name for name in product.roles if name.startswith("web")]
    return product.url_of(names[0]), product.url_of(names[-1])


def presence(socket: SocketClient, user: Person) -> list[Json]:
    """What a socket was told of somebody, oldest first."""
    return [
        FULL | frame["data"][user.id]
        for frame in socket.frames
        if frame["t"] == "signal" and frame["type"] == "presence" and user.id in frame["data"]
    ]


def typing(socket: SocketClient, stream: str) -> list[list[str]]:
    return [
        [one["user_id"] for one in frame["data"]["typing"]]
        for frame in socket.frames
        if frame["t"] == "signal" and frame["type"] == "typing" and frame["stream"] == stream
    ]


async def watch(socket: SocketClient, *people: Person) -> Json:
    users: Json = (await socket.command({"t": "watch", "users": [one.id for one in people]}))["users"]
    return {user_id: FULL | one for user_id, one in users.items()}


async def told(socket: SocketClient, user: Person, **wanted: Any) -> None:
    """Wait until the newest word on somebody is this."""
    await socket.until(
        lambda: (seen := presence(socket, user)) and wanted.items() <= seen[-1].items(), what=f"{wanted} of {user.name}"
    )


async def test_who_watches_hears_and_nobody_else(product: Product, people: People) -> None:
    team = await people.team("Ann", "Bob", "Cy")
    ann, bob, cy = team.people
    (eve,) = await people("Eve")
    one, other = webs(product)
    mine, idle = await ann.socket(base_url=one), await cy.socket(base_url=one)
    stranger = await eve.socket(base_url=one)
    assert await watch(mine, bob, eve) == {}
    assert await watch(stranger, ann, bob) == {}
    theirs = await bob.socket(base_url=other)
    await told(mine, bob, state="online", dnd=False, status=None)
    await theirs.tell({"t": "active", "on": False})
    await told(mine, bob, state="away")
    await theirs.tell({"t": "active", "on": True})
    await told(mine, bob, state="online")
    await bob.rest.call("PUT", "/v1/me/status", {"emoji": "🌴", "text": "On holiday"})
    await told(mine, bob, status={"emoji": "🌴", "text": "On holiday", "expires_at": None})
    await bob.rest.call("PUT", "/v1/me/dnd", {"until": int(time.time() * 1000) + 3_600_000})
    await told(mine, bob, dnd=True)
    await bob.rest.call("PUT", "/v1/me/presence", {"away": True})
    await told(mine, bob, state="away")
    later = await ann.socket(base_url=other)
    assert (await watch(later, bob))[bob.id] == presence(mine, bob)[-1]
    assert [row["state"] for row in (await _pulled(ann, team.workspace, bob, cy))] == ["away", "online"]
    for socket in (idle, stranger):
        await socket.ping()
        assert not [frame for frame in socket.frames if frame["t"] == "signal"]
    assert not presence(mine, eve)


async def _pulled(person: Person, workspace: Json, *of: Person) -> list[Json]:
    ids = ",".join(one.id for one in of)
    found = (await person.rest.get(f"/v1/workspaces/{workspace['id']}/presence?ids={ids}"))["results"]
    by_id = {row["user_id"]: row for row in found}
    return [by_id[one.id] for one in of]


async def test_a_dropped_socket_that_resumes_elsewhere_does_not_flap(product: Product, people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    one, other = webs(product)
    mine = await ann.socket(base_url=one)
    theirs = await bob.socket(base_url=one)
    async with asyncio.timeout(15):
        while (await watch(mine, bob)).get(bob.id, {}).get("state") != "online":
            await watch(mine)
            await asyncio.sleep(0.2)
    theirs.base_url = other
    theirs.drop()
    await theirs.until(lambda: theirs.counters.resumed == 1, what="the resume")
    # Something that is heard after a flap would have been: the presence of Bob's next device changes nothing either.
    await bob.rest.call("PUT", "/v1/me/status", {"text": "back"})
    await told(mine, bob, status={"emoji": "", "text": "back", "expires_at": None})
    assert [seen["state"] for seen in presence(mine, bob)] == ["online"]


async def test_typing_is_heard_by_followers_and_ends_with_the_message(product: Product, people: People) -> None:
    team = await people.team("Ann", "Bob", "Cy")
    ann, bob, cy = team.people
    one, other = webs(product)
    mine, theirs = await ann.socket(team.stream, base_url=one), await bob.socket(team.stream, base_url=other)
    elsewhere = await cy.socket(base_url=one)
    channel_id = team.channel["id"]
    for _ in range(5):
        await theirs.tell({"t": "typing", "channel_id": channel_id})
    await mine.until(lambda: typing(mine, team.stream) == [[bob.id]], what="Bob typing")
    posted = await theirs.send(channel_id, "there it is")
    await mine.until(lambda: mine.events[team.stream], what=f"message {posted['message_id']}")
    await mine.tell({"t": "typing", "channel_id": channel_id, "thread_id": posted["message_id"]})
    await mine.until(lambda: len(typing(mine, team.stream)) > 1, what="Ann typing")
    assert typing(mine, team.stream)[-1] == [ann.id], "Bob's message came, so he types no more"
    await mine.tell({"t": "typing", "channel_id": channel_id, "thread_id": posted["message_id"], "on": False})
    await theirs.until(lambda: typing(theirs, team.stream)[-1:] == [[]], what="nobody typing")
    assert not typing(elsewhere, team.stream)
    head = (await ann.page(team.channel))["seq"]
    assert head == posted_seq(mine, team.stream), "typing is never in the log"


def posted_seq(socket: SocketClient, stream: str) -> int:
    return int(socket.events[stream][-1]["seq"])


async def test_typing_takes_the_right_to_post_and_is_not_heard_by_who_lost_access(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    (eve,) = await people("Eve")
    private = await ann.channel(team.workspace, "chamber", bob, kind="private")
    stranger = await eve.socket()
    await stranger.tell({"t": "typing", "channel_id": private["id"]})
    await stranger.until(lambda: stranger.errors, what="the refusal")
    assert stranger.errors[0]["code"] == "not_found"
    mine, theirs = await ann.socket(private["stream"]), await bob.socket(private["stream"])
    await ann.rest.delete(f"/v1/channels/{private['id']}/members/{bob.id}")
    await theirs.until(lambda: private["stream"] in theirs.gone, what="gone")
    await mine.tell({"t": "typing", "channel_id": private["id"]})
    await mine.until(lambda: typing(mine, private["stream"]), what="typing")
    await theirs.ping()
    assert not typing(theirs, private["stream"])
    await theirs.tell({"t": "typing", "channel_id": private["id"]})
    await theirs.until(lambda: theirs.errors, what="the refusal")


async def test_a_list_is_bounded_and_who_may_not_be_seen_is_passed_over(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    socket = await ann.socket()
    with pytest.raises(ProblemError, match="500"):
        await socket.command({"t": "watch", "users": [str(number) for number in range(1, 502)]})
    await bob.socket()
    async with asyncio.timeout(15):
        while not await watch(socket, bob):
            await watch(socket)
            await asyncio.sleep(0.2)
