"""Pins, saving, forwarding, later: who may, through REST, and that a refusal changes nothing."""

from typing import Any

from bench.client import Person, ProblemError
from bench.product import Product
from tests.harness.fixtures import MakePeople

# who, then what becomes of it: pin, save, forward to the public channel; of a message of the public and the private one
TABLE = [
    ("bob", "public", "ok", "ok", "ok"),
    ("cy", "public", "forbidden", "ok", "forbidden"),
    ("eve", "public", "not_found", "not_found", "not_found"),
    ("bob", "private", "ok", "ok", "forbidden"),
    ("cy", "private", "not_found", "not_found", "forbidden"),
]


async def _outcome(attempt: Any) -> str:
    try:
        await attempt
    except ProblemError as error:
        return error.code
    return "ok"


async def test_who_may_do_what_with_a_message(embedded: Product, people_in: MakePeople) -> None:
    people = people_in(embedded)
    team = await people.team("Ann", "Bob", "Cy")
    ann, bob, cy = team.people
    (eve,) = await people("Eve")
    cast: dict[str, Person] = {"bob": bob, "cy": cy, "eve": eve}
    channels = {
        "public": await ann.channel(team.workspace, "agora", bob),
        "private": await ann.channel(team.workspace, "chamber", bob, kind="private"),
    }
    for who, where, pin, save, forward in TABLE:
        rest = cast[who].rest
        message = await ann.post(channels[where], f"for {who} in {where}")
        before = await ann.page(channels["public"])
        target = f"/v1/messages/{message['message_id']}"
        body = {"channel_id": channels["public"]["id"], "text": "", "forward_id": message["message_id"]}
        found = (
            await _outcome(rest.call("PUT", f"{target}/pin")),
            await _outcome(rest.call("PUT", f"{target}/saved", {})),
            await _outcome(rest.post("/v1/messages", body)),
        )
        assert (who, where, *found) == (who, where, pin, save, forward)
        pins = (await ann.rest.get(f"/v1/channels/{channels[where]['id']}/pins"))["results"]
        pinned = any(one["message"]["message_id"] == message["message_id"] for one in pins)
        assert pinned is (pin == "ok")
        after = await ann.page(channels["public"])
        assert after["count"] - before["count"] == (forward == "ok")
