"""A channel of 20,000 members: nothing that one of them does takes work for each of the others."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.client import Json, Person
from bench.product import ROOT, Product
from tests.harness.fixtures import MakePeople

MEMBERS = 20_000
POSTS = 10


def seed(product: Product, workspace: Json, channel: Json) -> None:
    """Bulk rows, as `bench big` makes them."""
    asked = {"workspace_id": workspace["id"], "count": MEMBERS, "prefix": "many", "channel_id": channel["id"]}
    subprocess.run(
        [sys.executable, "-m", "bench.seed"],
        cwd=ROOT,
        env=dict(product.roles["web-0"].env),
        input=json.dumps(asked),
        text=True,
        capture_output=True,
        check=True,
        timeout=100,
    )


def rows(data: Path) -> int:
    """All rows of all tables, of the three databases together."""
    total = 0
    for file in ("main.sqlite3", "store.sqlite3", "log.sqlite3"):
        database = sqlite3.connect(f"file:{data / file}?mode=ro", uri=True)
        try:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            total += sum(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)
        finally:
            database.close()
    return total


async def costs(person: Person, other: Person, channel: Json) -> dict[str, int]:
    """Relational queries of what a member does, caches warm."""
    c = channel["id"]
    steps: dict[str, tuple[Person, str, str, Json | None]] = {
        "post": (person, "POST", "/v1/messages", {"channel_id": c, "text": "hello"}),
        "mention": (person, "POST", "/v1/messages", {"channel_id": c, "text": "@bob look"}),
        "everyone": (person, "POST", "/v1/messages", {"channel_id": c, "text": "@here and @channel"}),
        "page": (person, "GET", f"/v1/channels/{c}/messages", None),
        "members": (person, "GET", f"/v1/channels/{c}/members?limit=50", None),
        "leave": (other, "POST", f"/v1/channels/{c}/leave", None),
        "join": (other, "POST", f"/v1/channels/{c}/join", None),
    }
    found = {}
    for _ in range(3):
        for name, (who, method, target, body) in steps.items():
            answer = await who.rest.raw(method, target, body=json.dumps(body).encode() if body else b"")
            assert answer.status < 300, (name, answer)
            found[name] = int(answer.headers["x-queries"])
    return found


@pytest.fixture
def product() -> Iterator[Product]:
    made = Product("embedded")
    made.roles["web-0"].argv = [sys.executable, "-m", "tests.budgets.counting"]
    with made:
        yield made


@pytest.mark.timeout(240)
async def test_its_size_is_not_felt(product: Product, people_in: MakePeople) -> None:
    people = people_in(product)
    team = await people.team("Ann", "Bob", "Che", channel="large")
    ann, bob, che = team.people
    small = await ann.channel(team.workspace, "small", bob, che)
    await asyncio.to_thread(product.terminate)
    await asyncio.to_thread(seed, product, team.workspace, team.channel)
    await asyncio.to_thread(product.start)

    large = await ann.rest.get(f"/v1/channels/{team.channel['id']}")
    assert large["member_count"] == MEMBERS + 3
    page = await ann.rest.get(f"/v1/channels/{large['id']}/members", limit=200)
    assert len(page["results"]) == 200
    assert page["next_cursor"]
    assert await costs(ann, che, large) == await costs(ann, che, small)

    socket = await bob.socket(large["stream"])
    before = await asyncio.to_thread(rows, product.directory / "data")
    acks = [await ann.post(large, f"number {number}") for number in range(POSTS)]
    await socket.reaches(large["stream"], acks[-1]["seq"])
    grown = await asyncio.to_thread(rows, product.directory / "data") - before
    assert grown < POSTS * 50
