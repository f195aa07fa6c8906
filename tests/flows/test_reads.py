"""The read service in a cluster, killed while people write: what it says afterwards equals a recount from history."""

import asyncio
from collections.abc import Callable

import pytest

from bench.client import Json, Person
from bench.product import Product
from tests.harness.fixtures import SERVERS, MakePeople, Team

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.real(*SERVERS)]


async def recount(person: Person, channel: Json, handle: str, marker: int) -> tuple[int, int]:
    """(unread, mentions) as history has them."""
    after = [m for m in await person.history(channel) if (m["n"] or 0) > marker]
    theirs = [m for m in after if not m["deleted"] and m["sender_id"] != person.id]
    return len(theirs), sum(f"@{handle}" in m["text"] or "@channel" in m["text"] for m in theirs)


async def shown(person: Person, team: Team) -> tuple[int, int, int]:
    """(unread, mentions, marker)"""
    found = await person.rest.get(f"/v1/workspaces/{team.workspace['id']}/unreads")
    row = next(row for row in found["results"] if row["channel_id"] == team.channel["id"])
    return row["unread"], row["mentions"], row["marker"]["n"]


async def test_counts_after_kills_equal_a_recount(
    product_factory: Callable[..., Product], people_in: MakePeople
) -> None:
    product = await asyncio.to_thread(lambda: product_factory("cluster", workers=0, reads=1))
    team = await people_in(product).team("Ann", "Bob", "Che")
    ann, bob, che = team.people
    members = (await ann.rest.get(f"/v1/workspaces/{team.workspace['id']}/members"))["results"]
    handles = {member["user_id"]: member["handle"] for member in members}

    async def talk(round_: int) -> list[Json]:
        posted = [
            await ann.post(team.channel, f"{round_}: plain"),
            await ann.post(team.channel, f"{round_}: for @{handles[bob.id]}"),
            await ann.post(team.channel, f"{round_}: to be deleted, @{handles[bob.id]}"),
            await ann.post(team.channel, f"{round_}: @channel all"),
            await ann.post(team.channel, f"{round_}: to be edited"),
        ]
        await ann.rest.delete(f"/v1/messages/{posted[2]['message_id']}")
        await ann.rest.patch(f"/v1/messages/{posted[4]['message_id']}", {"text": f"now @{handles[bob.id]}"})
        return posted

    await talk(1)
    # down from in between: nothing of this round may be lost, and nothing of the first be counted twice
    await asyncio.to_thread(product.kill, "reads-0")
    posted = await talk(2)
    await bob.rest.post(f"/v1/messages/{posted[0]['message_id']}/unread")
    starting = asyncio.create_task(asyncio.to_thread(product.start, "reads-0"))
    await talk(3)
    await starting
    # and once more, with its own work in hand
    talking = asyncio.create_task(talk(4))
    await asyncio.to_thread(product.kill, "reads-0")
    await talking
    last = await che.post(team.channel, "Che's own words, which end it")
    await asyncio.to_thread(product.start, "reads-0")

    # An own post moves its author's marker: once that is seen, so is all that lies before it in the log.
    async with asyncio.timeout(60):
        end = next(m["n"] for m in await che.history(team.channel) if m["message_id"] == last["message_id"])
        while (await shown(che, team))[2] < end:
            await asyncio.sleep(0.1)
    for person in (ann, bob):
        unread, mentions, marker = await shown(person, team)
        counted = await recount(person, team.channel, handles[person.id], marker)
        assert (person.name, unread, mentions) == (person.name, *counted)
    assert (await shown(bob, team))[0] > 10
