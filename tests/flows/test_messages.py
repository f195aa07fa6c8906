"""The life of a message, live and in history, through either door."""

import pytest

from bench.client import ProblemError
from tests.harness.doors import DOORS, Door
from tests.harness.fixtures import People

pytestmark = pytest.mark.parametrize("door", DOORS, ids=str)


async def test_an_edit_is_live_and_kept(people: People, door: Door) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    socket = await bob.socket(team.stream)
    async with door.of(ann) as act:
        message_id = await act.post(team.channel["id"], "frist")
        await act.edit(message_id, "**first**")
    await socket.until(lambda: len(socket.events[team.stream]) >= 2)
    event = socket.events[team.stream][1]
    assert event["type"] == "message.edited"
    assert (event["data"]["message_id"], event["data"]["text"]) == (message_id, "**first**")
    (message,) = await bob.history(team.channel)
    assert (message["text"], message["deleted"]) == ("**first**", False)
    assert message["edited_at"] == event["data"]["edited_at"] == event["timestamp"]
    assert "<strong>first</strong>" in message["html"]
    versions = (await bob.rest.get(f"/v1/messages/{message_id}/history"))["results"]
    assert [version["text"] for version in versions] == ["frist", "**first**"]
    assert {version["editor_id"] for version in versions} == {ann.id}


async def test_a_delete_leaves_a_tombstone(people: People, door: Door) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    socket = await bob.socket(team.stream)
    async with door.of(ann) as act:
        message_id = await act.post(team.channel["id"], "a slip of the tongue")
        await act.delete(message_id)
    await socket.until(lambda: len(socket.events[team.stream]) >= 2)
    assert [event["type"] for event in socket.events[team.stream]] == ["message.posted", "message.deleted"]
    (message,) = await bob.history(team.channel)
    assert (message["deleted"], message["text"], message["html"]) == (True, "", None)
    assert await _code(bob.rest.patch(f"/v1/messages/{message_id}", {"text": "undead"})) in {
        "not_found",
        "forbidden",
        "conflict",
    }


async def test_reactions_come_and_go(people: People, door: Door) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    posted = await ann.post(team.channel, "cake?")
    socket = await ann.socket(team.stream)
    async with door.of(bob) as act:
        for emoji, on in (("👍", True), ("🎂", True), ("👍", False)):
            await act.react(posted["message_id"], emoji, on=on)
    async with door.of(ann) as act:
        await act.react(posted["message_id"], "🎂")
    await socket.until(lambda: len(socket.events[team.stream]) >= 4)
    assert [(e["type"], e["data"]["emoji"], e["data"]["user_id"]) for e in socket.events[team.stream]] == [
        ("reaction.added", "👍", bob.id),
        ("reaction.added", "🎂", bob.id),
        ("reaction.removed", "👍", bob.id),
        ("reaction.added", "🎂", ann.id),
    ]
    (message,) = await bob.history(team.channel)
    assert message["reactions"] == [{"emoji": "🎂", "user_ids": [bob.id, ann.id]}]


async def test_a_thread_counts_its_replies_and_stays_out_of_the_channel(people: People, door: Door) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    parent = await ann.post(team.channel, "thread?")
    socket = await ann.socket(team.stream)
    async with door.of(bob) as act:
        quiet = await act.post(team.channel["id"], "quietly", thread_id=parent["message_id"])
        loud = await act.post(team.channel["id"], "loudly", thread_id=parent["message_id"], also_in_channel=True)
    await socket.until(lambda: len(socket.events[team.stream]) >= 2)
    events = [event["data"] for event in socket.events[team.stream]]
    assert [(e["message_id"], e["thread_id"], e["thread_n"], e["also_in_channel"]) for e in events] == [
        (quiet, parent["message_id"], 1, False),
        (loud, parent["message_id"], 2, True),
    ]
    replies = await ann.rest.get(f"/v1/messages/{parent['message_id']}/replies")
    assert [reply["message_id"] for reply in replies["results"]] == [quiet, loud]
    assert replies["parent"]["reply_count"] == 2
    assert replies["parent"]["last_reply_at"] == events[1]["timestamp"]
    history = await ann.history(team.channel)
    assert [message["message_id"] for message in history] == [parent["message_id"], loud]
    assert (await ann.page(team.channel))["count"] == 1, "a reply is no top-level message, wherever it is shown"
    async with door.of(bob) as act:
        await act.delete(quiet)
    await socket.until(lambda: len(socket.events[team.stream]) >= 3)
    replies = await ann.rest.get(f"/v1/messages/{parent['message_id']}/replies")
    assert replies["parent"]["reply_count"] == 1


async def test_mentions_are_found_once_at_the_post(people: People, door: Door) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    members = (await ann.rest.get(f"/v1/workspaces/{team.workspace['id']}/members"))["results"]
    handle = next(member["handle"] for member in members if member["user_id"] == bob.id)
    async with door.of(ann) as act:
        message_id = await act.post(
            team.channel["id"], f"@{handle} see `@{handle}` and @here, not @nobody-at-all nor mail@example.com"
        )
    message = await _eventually_message(bob, message_id)
    assert [(m["kind"], m["user_id"]) for m in message["mentions"]] == [("user", bob.id), ("here", None)]
    assert message["mentions"][0]["handle"].lower() == handle


async def test_the_same_client_msg_id_is_one_message(people: People, door: Door) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    socket = await bob.socket(team.stream)
    async with door.of(ann) as act:
        first = await act.post(team.channel["id"], "once", client_msg_id="the-one")
        again = await act.post(team.channel["id"], "once", client_msg_id="the-one", **door.retry)
        after = await act.post(team.channel["id"], "after", client_msg_id="another")
    assert first == again
    await socket.until(lambda: any(e["data"]["message_id"] == after for e in socket.events[team.stream]))
    assert [message["message_id"] for message in await bob.history(team.channel)] == [first, after]
    assert [event["data"]["message_id"] for event in socket.events[team.stream]] == [first, after]


async def test_only_the_author_edits_and_an_admin_may_delete(people: People, door: Door) -> None:
    team = await people.team("Ann", "Bob", "Cy")
    ann, bob, cy = team.people
    message_id = (await bob.post(team.channel, "mine"))["message_id"]
    for other in (ann, cy):
        async with door.of(other) as act:
            assert await _code(act.edit(message_id, "theirs")) == "forbidden"
    async with door.of(cy) as act:
        assert await _code(act.delete(message_id)) == "forbidden"
    assert [message["text"] for message in await bob.history(team.channel)] == ["mine"]
    async with door.of(ann) as act:
        await act.delete(message_id)
    assert (await _eventually_message(bob, message_id, deleted=True))["deleted"]


async def test_fifty_messages_a_second_then_a_clear_refusal(people: People, door: Door) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    async with door.of(ann) as act:
        results = await act.many_posts(team.channel["id"], [f"flood {index}" for index in range(600)])
    refused = [result for result in results if isinstance(result, ProblemError)]
    assert refused, "a flood went through"
    assert {error.code for error in refused} == {"rate_limited"}
    assert all(error.retry_after and 0 < error.retry_after <= 5 for error in refused)
    accepted = [result for result in results if isinstance(result, str)]
    assert len(accepted) >= 50
    await bob.post(team.channel, "others are not limited")
    assert sorted(m["message_id"] for m in await bob.history(team.channel) if m["sender_id"] == ann.id) == sorted(
        accepted
    )


async def _code(attempt) -> str:
    with pytest.raises(ProblemError) as refused:
        await attempt
    return refused.value.code


async def _eventually_message(person, message_id: str, *, deleted: bool = False):
    """A socket answers at durability, so the row may come a moment later: a post through REST waits for its turn."""
    import asyncio

    async with asyncio.timeout(10):
        while True:
            try:
                message = await person.rest.get(f"/v1/messages/{message_id}")
            except ProblemError as error:
                if error.code != "not_found":
                    raise
            else:
                if message["deleted"] == deleted:
                    return message
            await asyncio.sleep(0.02)
