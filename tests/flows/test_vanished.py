"""A client that vanishes without closing gets what was for its user as a push; a live one never does."""

import asyncio
import json
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bench.client import Json, Person
from bench.product import Product
from tests.harness.elsewhere import client_elsewhere
from tests.harness.fixtures import MakePeople
from tests.harness.push import FcmService

ACK_DEADLINE_S = 5
PUSH_S = 15


@pytest.fixture
async def phones() -> AsyncIterator[FcmService]:
    service = FcmService()
    await service.start()
    yield service
    await service.stop()


async def with_phone(person: Person) -> None:
    await person.rest.post("/v1/me/devices", {"kind": "fcm", "token": f"phone of {person.name}"})


async def test_who_vanished_is_rung_and_who_is_there_is_not(
    product_factory: Callable[..., Product], people_in: MakePeople, phones: FcmService, tmp_path: Path
) -> None:
    account = tmp_path / "fcm.json"
    account.write_text(json.dumps(phones.credentials()))
    env = {"ACK_DEADLINE_S": str(ACK_DEADLINE_S), "FCM_CREDENTIALS": str(account), "FCM_URL": phones.url}
    product = await asyncio.to_thread(product_factory, "embedded", env=env)
    team = await people_in(product).team("Ann", "Bob", "Che")
    ann, bob, che = team.people
    for person in (bob, che):
        await with_phone(person)
    to_bob: Json = await ann.direct(team.workspace, bob)
    to_che: Json = await ann.direct(team.workspace, che)
    await che.socket(to_che["stream"])
    with client_elsewhere(bob, to_bob["stream"]) as process:
        # until presence knows of a socket, a second after it opened, its user is nobody to wait for
        await online(ann, team.workspace, bob, che)
        process.send_signal(signal.SIGSTOP)
        await ann.post(to_che, "are you there?")
        await ann.post(to_bob, "are you there?")
        # written twice, ACK_DEADLINE_S apart, and the second acknowledgement is missed as well
        (push,) = await phones.wait_for(1, timeout_s=2 * ACK_DEADLINE_S + PUSH_S)
        assert push.token == "phone of Bob"
        assert push.payload["notification"]["body"] == "are you there?"
        # nobody waits for Che's any more either: it was acknowledged, and so it ended
        assert await decided(product, che) == ("skipped", "acked")
        process.send_signal(signal.SIGCONT)
    assert [taken.token for taken in phones.taken] == ["phone of Bob"]


async def online(seen_by: Person, workspace: Json, *people: Person) -> None:
    async with asyncio.timeout(30):
        while True:
            ids = ",".join(person.id for person in people)
            found = await seen_by.rest.get(f"/v1/workspaces/{workspace['id']}/presence", ids=ids)
            if [one["state"] for one in found["results"]] == ["online"] * len(people):
                return
            await asyncio.sleep(0.1)


async def decided(product: Product, person: Person) -> tuple[str, str]:
    """What became of the one notification for them, once it is no longer pending."""
    async with asyncio.timeout(30):
        while True:
            with sqlite3.connect(f"file:{product.directory / 'data' / 'main.sqlite3'}?mode=ro", uri=True) as database:
                found = database.execute(
                    "select state, detail from notifications_notification where user_id = ?", [int(person.id)]
                ).fetchall()
            if found and found[0][0] in {"sent", "skipped", "withdrawn"}:
                return found[0][0], found[0][1]
            await asyncio.sleep(0.2)
