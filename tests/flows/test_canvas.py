"""Writing together in a channel's canvas, through real sockets, on both profiles."""

import asyncio
import random
from functools import partial

import pycrdt
import pytest

from bench.client import ProblemError
from bench.product import Product
from tests.harness.canvas import CanvasClient
from tests.harness.fixtures import MakePeople, People

pytestmark = pytest.mark.timeout(120)


def _vector(client: CanvasClient) -> frozenset[tuple[int, int]]:
    """How much of whom a document has; its encoding has no order."""
    numbers, number, shift = [], 0, 0
    for byte in client.document.get_state():
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    return frozenset(zip(numbers[1::2], numbers[2::2], strict=True))


async def _same(*clients: CanvasClient) -> str:
    """The text of all, once they agree and nothing is under way."""

    def agreed() -> bool:
        return all(client.settled for client in clients) and len({_vector(client) for client in clients}) == 1

    try:
        async with asyncio.timeout(30):
            while not agreed():
                # An answer to each: what was on its way before it has come.
                await asyncio.gather(*(client.socket.ping() for client in clients), return_exceptions=True)
    except TimeoutError:
        raise AssertionError([client.about for client in clients]) from None
    texts = {str(client.text) for client in clients}
    assert len(texts) == 1
    return texts.pop()


def _refused(client: CanvasClient, times: int) -> bool:
    return len(client.refused) == times


def _settled(client: CanvasClient) -> bool:
    return client.settled


def _append(words: str, text: pycrdt.Text) -> None:
    text.insert(len(text), words)


def _insert(at: int, words: str, text: pycrdt.Text) -> None:
    text.insert(at, words)


def _cut(at: int, text: pycrdt.Text) -> None:
    del text[at : min(at + 2, len(text))]


async def test_two_write_and_a_third_finds_it(people: People) -> None:
    team = await people.team("Ann", "Bob", "Cy")
    ann, bob, cy = team.people
    one = await CanvasClient.open(await ann.socket(), team.channel)
    other = await CanvasClient.open(await bob.socket(), team.channel)
    one.edit(lambda text: text.insert(0, "Plan: "))
    await _same(one, other)
    one.edit(lambda text: text.insert(len(text), "tea"))
    other.edit(lambda text: text.insert(len(text), "coffee"))
    found = await _same(one, other)
    assert found in {"Plan: teacoffee", "Plan: coffeetea"}
    late = await CanvasClient.open(await cy.socket(), team.channel)
    assert str(late.text) == found


async def test_what_was_written_offline_is_merged(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    one = await CanvasClient.open(await ann.socket(), team.channel)
    other = await CanvasClient.open(await bob.socket(), team.channel)
    one.edit(lambda text: text.insert(0, "shared"))
    await _same(one, other)
    one.socket.drop()
    one.edit(lambda text: text.insert(0, "offline "))
    other.edit(lambda text: text.insert(len(text), " online"))
    assert await _same(one, other) == "offline shared online"


async def test_a_large_paste_goes_in_pieces(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    one = await CanvasClient.open(await ann.socket(), team.channel)
    other = await CanvasClient.open(await bob.socket(), team.channel)
    long = "".join(random.Random(1).choices("abcdefgh ", k=300_000))
    one.edit(lambda text: text.insert(0, long))
    assert await _same(one, other) == long


async def test_cursors_carry_the_name_that_the_server_knows(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    one = await CanvasClient.open(await ann.socket(), team.channel)
    other = await CanvasClient.open(await bob.socket(), team.channel)
    one._send(bytes([3]) + one.id.to_bytes(8, "big") + b"cursor")
    await other.until(lambda: other.aware, "a cursor")
    assert other.aware == [(int(ann.id), b"cursor")]
    assert one.aware == []


async def test_who_may_not(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    (stranger,) = await people("Eve")
    den = await ann.channel(team.workspace, "den", kind="private")
    mine = await CanvasClient.open(await ann.socket(), den)
    mine.edit(lambda text: text.insert(0, "secret"))
    for person in (bob, stranger):
        theirs = await CanvasClient.open(await person.socket(), den)
        assert theirs.refused == ["not_found"]
        theirs.edit(lambda text: text.insert(0, "x"))
        await theirs.until(partial(_refused, theirs, 2), "a refusal")
        assert theirs.refused == ["not_found", "not_found"]
        for path in ("canvas", "canvas/versions", "canvas/versions/1"):
            with pytest.raises(ProblemError) as refused:
                await person.rest.get(f"/v1/channels/{den['id']}/{path}")
            assert refused.value.status == 404
        with pytest.raises(ProblemError) as refused:
            await person.rest.post(f"/v1/channels/{den['id']}/canvas/restore", {"n": 1})
        assert refused.value.status == 404
    await mine.until(lambda: mine.settled, "settled")
    assert str(mine.text) == "secret"


async def test_who_looks_in_reads_only_and_who_is_removed_hears_no_more(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    (cy,) = await people("Cy")
    await ann.bring(team.workspace, cy)
    writes = await CanvasClient.open(await ann.socket(), team.channel)
    looks = await CanvasClient.open(await cy.socket(), team.channel)
    assert (writes.can_edit, looks.can_edit) == (True, False)
    looks.edit(lambda text: text.insert(0, "x"))
    await looks.until(lambda: looks.refused, "a refusal")
    assert looks.refused == ["forbidden"]

    den = await ann.channel(team.workspace, "den", bob, kind="private")
    mine = await CanvasClient.open(writes.socket, den)
    theirs = await CanvasClient.open(await bob.socket(), den)
    mine.edit(lambda text: text.insert(0, "before"))
    await _same(mine, theirs)
    await ann.rest.delete(f"/v1/channels/{den['id']}/members/{bob.id}")
    await theirs.socket.until(lambda: den["stream"] in theirs.socket.gone, what="gone")
    mine.edit(lambda text: text.insert(0, "after "))
    await mine.until(lambda: mine.settled, "settled")
    theirs.edit(lambda text: text.insert(0, "x"))
    await theirs.until(lambda: theirs.refused, "a refusal")
    assert "after" not in str(theirs.text)


@pytest.mark.parametrize(
    "frame",
    [b"", b"\x01", b"\x09" + bytes(8), b"\x02" + bytes(8) + b"\x00" * 4, b"\x04" + bytes(8), b"\xff" * 40],
)
async def test_frames_that_are_none(embedded: Product, people_in: MakePeople, frame: bytes) -> None:
    (ann,) = await people_in(embedded)("Ann")
    socket = await ann.socket()
    await socket.send_binary(frame)
    await socket.until(lambda: socket.errors, what="an error")
    assert socket.errors[0]["code"] == "invalid"


async def test_updates_that_are_none_change_nothing(embedded: Product, people_in: MakePeople) -> None:
    team = await people_in(embedded).team("Ann")
    client = await CanvasClient.open(await team.people[0].socket(), team.channel)
    client.edit(lambda text: text.insert(0, "good"))
    for bad in (b"\x00", b"\xff" * 30, random.Random(3).randbytes(200)):
        client.tell(bad)
    await client.until(lambda: len(client.refused) == 3 and client.settled, "refusals")
    assert client.refused == ["invalid"] * 3
    again = await CanvasClient.open(client.socket, team.channel)
    assert str(again.text) == "good"


async def test_versions_and_going_back(embedded: Product, people_in: MakePeople) -> None:
    team = await people_in(embedded).team("Ann")
    (ann,) = team.people
    path = f"/v1/channels/{team.channel['id']}/canvas"
    client = await CanvasClient.open(await ann.socket(), team.channel)
    for index in range(64):  # as many as make a snapshot
        client.edit(partial(_append, f"{index} "))
        await client.until(lambda: client.settled, "settled")
    (version,) = (await ann.rest.get(f"{path}/versions"))["results"]
    assert version["editors"] == [ann.id]
    with pytest.raises(ProblemError) as refused:
        await ann.rest.post(f"{path}/restore", {"n": version["n"] + 1})
    assert refused.value.status == 404


async def test_twenty_write_at_random_with_drops_and_agree(embedded: Product, people_in: MakePeople) -> None:
    names = [f"P{index}" for index in range(20)]
    team = await people_in(embedded).team(*names)
    clients = [await CanvasClient.open(await person.socket(), team.channel) for person in team.people]

    async def write(client: CanvasClient, seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(25):
            size = len(client.text)
            if size and rng.random() < 0.3:
                at = rng.randrange(size)
                client.edit(partial(_cut, at))
            else:
                at, word = rng.randint(0, size), f"{seed}."
                client.edit(partial(_insert, at, word))
            if rng.random() < 0.1:
                client.socket.drop()
            await asyncio.sleep(rng.random() / 50)

    await asyncio.gather(*(write(client, seed) for seed, client in enumerate(clients)))
    for client in clients:
        await client.until(partial(_settled, client), "settled")
        client.sync()  # what the broadcast lost is found by the next sync
    text = await _same(*clients)
    assert len({client.document.get_update() for client in clients}) == 1
    assert text == str((await CanvasClient.open(clients[0].socket, team.channel)).text)
