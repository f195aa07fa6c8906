"""Every string of the Big List of Naughty Strings comes back byte for byte, live and from history, by both doors."""

import asyncio
import json
from pathlib import Path

import pytest

from bench.client import ProblemError
from tests.harness.doors import DOORS, Door
from tests.harness.fixtures import People

LIST = Path(__file__).parents[2] / "frontend/node_modules/big-list-of-naughty-strings/blns.json"


def naughty_strings() -> list[str]:
    if not LIST.exists():
        pytest.fail(f"{LIST} is missing: run npm ci in frontend/")
    strings: list[str] = json.loads(LIST.read_text())
    assert len(strings) > 400
    return strings


@pytest.mark.parametrize("door", DOORS, ids=str)
async def test_every_naughty_string_comes_back_byte_for_byte(people: People, door: Door) -> None:
    team = await people.team(*(f"Person {index}" for index in range(8)))
    reader = team.people[0]
    socket = await reader.socket(team.stream)
    sent: dict[str, str] = {}
    refused: list[str] = []
    strings = naughty_strings()

    async def send(number: int) -> None:
        async with door.of(team.people[number]) as act:
            for text in strings[number :: len(team.people)]:
                try:
                    sent[await act.post(team.channel["id"], text)] = text
                except ProblemError as error:
                    assert error.code == "invalid", (text, error)
                    refused.append(text)
                await asyncio.sleep(0.02)

    await asyncio.gather(*(send(number) for number in range(len(team.people))))
    # A message of nothing is no message.
    assert refused == [""] * strings.count("")
    await socket.until(lambda: len(socket.events[team.stream]) >= len(sent))
    live = {event["data"]["message_id"]: event["data"]["text"] for event in socket.events[team.stream]}
    assert live == sent
    assert {message["message_id"]: message["text"] for message in await reader.history(team.channel)} == sent


async def test_naughty_names_come_back_or_are_refused_clearly(people: People) -> None:
    (ann,) = await people("Ann")
    for text in naughty_strings()[::7]:
        try:
            workspace = await ann.workspace(text)
        except ProblemError as error:
            assert error.code in {"invalid", "too_large"}, (text, error)
        else:
            seen = await ann.rest.get(f"/v1/workspaces/{workspace['id']}")
            assert seen["name"] == workspace["name"]
            assert seen["name"] in (text, text.strip())
