"""The bots of docs/examples, each as its own process, against the product: what docs/bots.md promises, it does."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bench.client import Json, Person, SocketClient
from bench.product import Product
from tests.harness.fixtures import MakePeople, People

EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"
SCOPES = ["messages:read", "messages:write", "channels:read"]
DEADLINE_S = 30


class Bot:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def listens(self, channels: int) -> None:
        """It has said that it listens to so many."""
        assert self.process.stdout
        async with asyncio.timeout(DEADLINE_S):
            while (line := await self.process.stdout.readline()) != f"listening to {channels} channels\n".encode():
                print("bot:", line.decode().rstrip())
                assert line, "the bot ended"


RunBot = Callable[..., Awaitable[Bot]]


@pytest.fixture
async def run_bot() -> AsyncIterator[RunBot]:
    started: list[asyncio.subprocess.Process] = []

    async def run(url: str, token: str, name: str = "steadfast_bot.py") -> Bot:
        env = {"PATH": os.environ["PATH"], "SLACKCLONE_URL": url, "SLACKCLONE_TOKEN": token}
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLES / name), env=env, stdout=asyncio.subprocess.PIPE
        )
        started.append(process)
        return Bot(process)

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        printed, _ = await process.communicate()
        print("bot:", printed.decode())


async def make_bot(owner: Person, workspace: Json, name: str = "Echo") -> Json:
    """{bot, token, secret}."""
    made: Json = await owner.rest.post(f"/v1/workspaces/{workspace['id']}/bots", {"name": name, "scopes": SCOPES})
    return made


async def add(owner: Person, channel: Json, bot: Json) -> None:
    await owner.rest.post(f"/v1/channels/{channel['id']}/members", {"user_ids": [bot["bot"]["user_id"]]})


class Ear:
    """What is said in a channel, from its beginning."""

    def __init__(self, socket: SocketClient, channel: Json) -> None:
        self.socket, self.stream = socket, channel["stream"]

    @classmethod
    async def to(cls, person: Person, channel: Json) -> "Ear":
        socket = await person.socket()
        await socket.subscribe(since={channel["stream"]: 0})
        return cls(socket, channel)

    @property
    def messages(self) -> list[Json]:
        return [event["data"] for event in self.socket.events[self.stream] if event["type"] == "message.posted"]

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages]

    async def hears(self, text: str) -> Json:
        await self.socket.until(lambda: text in self.texts, timeout_s=DEADLINE_S, what=text)
        return next(message for message in self.messages if message["text"] == text)


async def test_the_short_one_answers_mentions(embedded: Product, people_in: MakePeople, run_bot: RunBot) -> None:
    team = await people_in(embedded).team("Ann")
    (ann,) = team.people
    made = await make_bot(ann, team.workspace)
    await add(ann, team.channel, made)
    bot = await run_bot(embedded.url, made["secret"], "echo_bot.py")
    await bot.listens(1)
    ear = await Ear.to(ann, team.channel)
    await ann.post(team.channel, "nobody in particular")
    await ann.post(team.channel, "@echo are you there, @echo?")
    await ear.hears("You said: echo are you there, echo?")
    assert len(ear.texts) == 3


async def test_it_answers_mentions_and_direct_messages(people: People, run_bot: RunBot) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    made = await make_bot(ann, team.workspace)
    await ann.post(team.channel, "@echo before you came")
    await add(ann, team.channel, made)
    bot = await run_bot(people.base_url, made["secret"])
    await bot.listens(1)

    ear = await Ear.to(ann, team.channel)
    await bob.post(team.channel, "nobody in particular")
    asked = await bob.post(team.channel, "@echo are you there, @bob?")
    reply = await ear.hears("You said: echo are you there, bob?")
    assert reply["sender_id"] == made["bot"]["user_id"]
    assert reply["mentions"] == []

    await bob.post(team.channel, "@echo and here?", thread_id=asked["message_id"])
    assert (await ear.hears("You said: echo and here?"))["thread_id"] == asked["message_id"]

    # Both are new to a bot that runs already.
    direct = await bob.rest.post(
        f"/v1/workspaces/{team.workspace['id']}/channels", {"kind": "dm", "members": [made["bot"]["user_id"]]}
    )
    await bob.post(direct, "psst")
    assert await (await Ear.to(bob, direct)).hears("You said: psst")
    den = await ann.channel(team.workspace, "den", kind="private")
    await add(ann, den, made)
    await ann.post(den, "@echo welcome")
    den_ear = await Ear.to(ann, den)
    await den_ear.hears("You said: echo welcome")
    assert len(den_ear.texts) == 2, den_ear.texts

    assert ear.texts.count("You said: echo are you there, bob?") == 1
    assert not any("before you came" in text or "nobody" in text for text in ear.texts if text.startswith("You said"))


async def test_two_of_them_do_not_talk_for_ever(embedded: Product, people_in: MakePeople, run_bot: RunBot) -> None:
    people = people_in(embedded)
    team = await people.team("Ann")
    (ann,) = team.people
    for name in ("One", "Two"):
        made = await make_bot(ann, team.workspace, name)
        await add(ann, team.channel, made)
        await (await run_bot(embedded.url, made["secret"])).listens(1)
    ear = await Ear.to(ann, team.channel)
    await ann.post(team.channel, "@one @two hello")
    await ear.socket.until(lambda: ear.texts.count("You said: one two hello") == 2)
    await ann.post(team.channel, "@one again")
    await ear.hears("You said: one again")
    assert len(ear.texts) == 5


async def test_it_goes_on_after_a_drop(product_factory: Any, people_in: MakePeople, run_bot: RunBot) -> None:
    product = product_factory("embedded")
    people = people_in(product)
    team = await people.team("Ann")
    (ann,) = team.people
    made = await make_bot(ann, team.workspace)
    await add(ann, team.channel, made)
    bot = await run_bot(product.url, made["secret"])
    await bot.listens(1)
    await product.restart()
    await ann.post(team.channel, "@echo still there?")  # most likely before the bot is back
    ear = await Ear.to(ann, team.channel)
    await ear.hears("You said: echo still there?")
    await bot.listens(1)
    await ann.post(team.channel, "@echo good")
    await ear.hears("You said: echo good")
    assert len(ear.texts) == 4


async def test_a_revoked_token_ends_it(embedded: Product, people_in: MakePeople, run_bot: RunBot) -> None:
    people = people_in(embedded)
    team = await people.team("Ann")
    (ann,) = team.people
    made = await make_bot(ann, team.workspace)
    bot = await run_bot(embedded.url, made["secret"])
    await bot.listens(0)
    tokens = f"/v1/workspaces/{team.workspace['id']}/bots/{made['bot']['user_id']}/tokens"
    await ann.rest.delete(f"{tokens}/{made['token']['id']}")
    async with asyncio.timeout(DEADLINE_S):
        assert await bot.process.wait() == 1
