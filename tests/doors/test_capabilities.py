"""One behaviour table per capability, through each door: who may, and what then holds."""

from dataclasses import dataclass

import pytest

from bench.client import Json, Person, ProblemError
from tests.harness.doors import DOORS, Door
from tests.harness.fixtures import People

pytestmark = pytest.mark.parametrize("door", DOORS, ids=str)


@dataclass
class Stage:
    """Ann (owner) and Bob are in every channel, Cy is a member of the workspace only, Eve is a stranger."""

    cast: dict[str, Person]
    channels: dict[str, Json]
    message: Json


@pytest.fixture
async def stage(people: People) -> Stage:
    team = await people.team("Ann", "Bob", "Cy")
    ann, bob, cy = team.people
    (eve,) = await people("Eve")
    public = await ann.channel(team.workspace, "agora", bob)
    private = await ann.channel(team.workspace, "chamber", bob, kind="private")
    dm = await ann.direct(team.workspace, bob)
    archived = await ann.channel(team.workspace, "attic", bob)
    await ann.rest.post(f"/v1/channels/{archived['id']}/archive")
    return Stage(
        {"ann": ann, "bob": bob, "cy": cy, "eve": eve},
        {"public": public, "private": private, "dm": dm, "archived": archived},
        await bob.post(public, "Bob's words"),
    )


WHO_MAY_POST = [
    ("ann", "public", "ok"),
    ("bob", "public", "ok"),
    ("cy", "public", "forbidden"),
    ("eve", "public", "not_found"),
    ("bob", "private", "ok"),
    ("cy", "private", "not_found"),
    ("eve", "private", "not_found"),
    ("ann", "dm", "ok"),
    ("cy", "dm", "not_found"),
    ("eve", "dm", "not_found"),
    ("bob", "archived", "forbidden"),
    ("cy", "archived", "forbidden"),
    ("eve", "archived", "not_found"),
]


async def test_post(stage: Stage, door: Door) -> None:
    for who, where, expected in WHO_MAY_POST:
        channel = stage.channels[where]
        before = await stage.cast["ann"].page(channel)
        async with door.of(stage.cast[who]) as act:
            outcome = await _outcome(act.post(channel["id"], f"{who} in {where}"))
        assert (who, where, outcome) == (who, where, expected) or (expected, outcome) == ("forbidden", "conflict")
        after = await _settled(stage.cast["ann"], channel, before["seq"] + (expected == "ok"))
        assert after["seq"] == before["seq"] + (expected == "ok")


WHO_MAY_CHANGE = [
    # who, edit, react, delete: of Bob's message in the public channel
    ("eve", "not_found", "not_found", "not_found"),
    ("cy", "forbidden", "forbidden", "forbidden"),
    ("ann", "forbidden", "ok", "ok"),
    ("bob", "ok", "ok", "ok"),
]


@pytest.mark.parametrize(("who", "edit", "react", "delete"), WHO_MAY_CHANGE, ids=[row[0] for row in WHO_MAY_CHANGE])
async def test_change(stage: Stage, door: Door, who: str, edit: str, react: str, delete: str) -> None:
    ann, message_id = stage.cast["ann"], stage.message["message_id"]
    expected = stage.message["seq"]

    async def tried(attempt, wanted: str):
        nonlocal expected
        assert await _outcome(attempt) == wanted
        expected += wanted == "ok"
        page = await _settled(ann, stage.channels["public"], expected)
        assert page["seq"] == expected
        return page["results"][0]

    async with door.of(stage.cast[who]) as act:
        assert (await tried(act.edit(message_id, "changed"), edit))["text"] == (
            "changed" if edit == "ok" else "Bob's words"
        )
        assert bool((await tried(act.react(message_id, "🎈"), react))["reactions"]) is (react == "ok")
        assert (await tried(act.delete(message_id), delete))["deleted"] is (delete == "ok")


TEXTS = [
    ("x" * 12_000, "ok"),
    ("🎈" * 12_000, "ok"),
    ("x" * 12_001, "invalid"),
    ("", "invalid"),
    ("line\nline\r\nline\ttab", "ok"),
    ("  spaces kept  ", "ok"),
    ("<script>alert(1)</script>", "ok"),
    ("a\u202eb\u0000c", "invalid"),
    ("e\u0301 is not é", "ok"),
]


async def test_texts(stage: Stage, door: Door) -> None:
    bob, channel = stage.cast["bob"], stage.channels["public"]
    accepted = []
    async with door.of(bob) as act:
        for text, expected in TEXTS:
            outcome = await _outcome(act.post(channel["id"], text))
            assert (text[:30], outcome) == (text[:30], expected) or (expected, outcome) == ("invalid", "too_large")
            if outcome == "ok":
                accepted.append(text)
    await _settled(bob, channel, stage.message["seq"] + len(accepted))
    history = await bob.history(channel)
    assert [message["text"] for message in history[1:]] == accepted
    assert not any("<script" in (message["html"] or "") for message in history)


async def _outcome(attempt) -> str:
    try:
        await attempt
    except ProblemError as error:
        return error.code
    return "ok"


async def _settled(person: Person, channel: Json, seq: int):
    """The page once it is complete up to `seq`: the socket answers at durability, a moment before."""
    import asyncio

    async with asyncio.timeout(10):
        while True:
            page = await person.page(channel)
            if page["seq"] >= seq:
                return page
            await asyncio.sleep(0.02)
