"""Each server of the cluster stops under load and comes back: degraded in between, whole afterwards (design §2)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from redis import Redis

from bench.checker import Operation
from bench.client import ProblemError, RestClient
from bench.product import Product
from deploy.services import Services
from tests.harness.fixtures import SERVERS, MakePeople, Team
from tests.harness.load import UNLIMITED, Talk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.real(*SERVERS)]


@pytest.fixture(autouse=True)
def _all_back_again(services: Services) -> Iterator[None]:
    yield
    services.start(*SERVERS)


@asynccontextmanager
async def talking(
    factory: Callable[..., Product], people_in: MakePeople, **options: object
) -> AsyncIterator[tuple[Product, Team, Talk]]:
    """A cluster on which two people talk, some 200 messages a second, until the block ends; then all is checked."""
    product = await asyncio.to_thread(lambda: factory("cluster", env=UNLIMITED, **options))
    team = await people_in(product).team("Ann", "Bob", "Cy")
    webs = [product.url_of(name) for name in product.roles if name.startswith("web")]
    talk = Talk(
        team.channel["id"],
        [
            await person.socket(base_url=webs[index % len(webs)], backoff_cap_s=1.0)
            for index, person in enumerate(team.people[:2])
        ],
        {
            f"reader {index}": await person.socket(team.stream, base_url=webs[index % len(webs)], backoff_cap_s=1.0)
            for index, person in enumerate(team.people)
        },
        count=1_000_000,
        window=2,
    )
    load = asyncio.create_task(talk.run(deadline_s=220))
    await talk.sent_at_least(100)
    yield product, team, talk
    await talk.sent_at_least(len(talk.operations) + 100)
    talk.stopping = True
    await load
    await talk.drain(team.people[0], deadline_s=90)
    report = await talk.report(team.people[0])
    report.raise_if_any()
    refused = [error for socket in talk.senders for error in socket.errors if error["code"] != "unavailable"]
    assert refused == [], "an outage is answered with unavailable, nothing else"
    assert report.acknowledged == len(talk.operations) == report.in_history


async def test_redis_down(product_factory: Callable[..., Product], people_in: MakePeople, services: Services) -> None:
    async with talking(product_factory, people_in, webs=2) as (_, team, talk):
        await asyncio.to_thread(services.kill, "redis")
        seen = {name: socket.last[team.stream] for name, socket in talk.readers.items()}
        await talk.sent_at_least(len(talk.operations) + 60, deadline_s=30)
        for name, socket in talk.readers.items():
            await socket.reaches(team.stream, seen[name] + 60, timeout_s=30, what="delivery without Redis")
        posted = await team.people[1].post(team.channel, "REST without Redis", client_msg_id="s0-rest")
        assert posted["message_id"]
        talk.operations.append(Operation("s0-rest", "ok", posted["message_id"]))
        await asyncio.to_thread(services.start, "redis")


async def test_cassandra_down(
    product_factory: Callable[..., Product], people_in: MakePeople, services: Services
) -> None:
    async with talking(product_factory, people_in, webs=2) as (_, team, talk):
        await asyncio.to_thread(services.kill, "cassandra")
        await asyncio.sleep(1)
        seen = {name: socket.last[team.stream] for name, socket in talk.readers.items()}
        await talk.sent_at_least(len(talk.operations) + 60, deadline_s=30)
        for name, socket in talk.readers.items():
            await socket.reaches(team.stream, seen[name] + 30, timeout_s=30, what="live without Cassandra")
        page = await team.people[0].page(team.channel, limit=20)
        assert page["partial"] is True
        assert len(page["results"]) == 20, "the newest messages can be read"
        with pytest.raises(ProblemError) as refused:
            await team.people[0].page(team.channel, before=page["cursors"]["older"])
        assert refused.value.code == "unavailable"
        assert refused.value.retry_after
        await asyncio.to_thread(services.start, "cassandra")


async def test_kafka_down(product_factory: Callable[..., Product], people_in: MakePeople, services: Services) -> None:
    async with talking(product_factory, people_in) as (_, team, talk):
        await asyncio.to_thread(services.kill, "kafka")
        with pytest.raises(ProblemError) as refused:
            await team.people[0].post(team.channel, "into the void", client_msg_id="s0-void")
        assert (refused.value.status, refused.value.code) == (503, "unavailable")
        assert refused.value.retry_after
        assert (await team.people[0].page(team.channel))["results"], "history is read without Kafka"
        await asyncio.to_thread(services.start, "kafka")
        again = await _until_accepted(team, "into the void", "s0-void")
        talk.operations.append(Operation("s0-void", "ok", again))


async def test_postgres_down(
    product_factory: Callable[..., Product], people_in: MakePeople, services: Services
) -> None:
    async with talking(product_factory, people_in) as (_, team, _talk):
        await asyncio.to_thread(services.kill, "postgres")
        await asyncio.sleep(2)
        await asyncio.to_thread(services.start, "postgres")
        async with asyncio.timeout(30):
            while True:
                try:
                    await team.people[0].rest.get("/v1/me")
                    break
                except ProblemError as error:
                    assert error.status in {500, 503}
                    await asyncio.sleep(0.2)


async def test_a_gateway_killed(product_factory: Callable[..., Product], people_in: MakePeople) -> None:
    async with talking(product_factory, people_in, webs=2) as (product, _team, talk):
        for socket in (*talk.senders, *talk.readers.values()):
            # What a load balancer does: the next connection goes to the gateway that lives.
            socket.base_url = product.url_of("web-1")
        for person in _team.people:
            await person.rest.close()
            person.rest = RestClient(product.url_of("web-1"), person.rest.token)
        await asyncio.to_thread(product.kill, "web-0")
        await talk.sent_at_least(len(talk.operations) + 100)
        assert all(socket.counters.resyncs == 0 for socket in talk.readers.values())
        left = f"-{product.roles['web-1'].pid}".encode()
        sessions = [f"user_session:{person.id}" for person in _team.people]
        with Redis.from_url(product.env["REDIS_URL"]) as client:
            async with asyncio.timeout(30):
                while not all(
                    (found or b"").endswith(left) for found in await asyncio.to_thread(client.mget, sessions)
                ):
                    await asyncio.sleep(0.1)


async def test_a_gateway_that_hangs_and_wakes_up_late(
    product_factory: Callable[..., Product], people_in: MakePeople
) -> None:
    """Stopped for longer than the broadcast bears silence: its sockets hang, then get everything, in order."""
    async with talking(product_factory, people_in, webs=2) as (product, team, talk):
        # Ann and Cy are at web-0, Bob at web-1.
        for name, goes_on in (("web-0", "reader 1"), ("web-1", "reader 0")):
            product.pause(name)
            try:
                seen = talk.readers[goes_on].last[team.stream]
                await talk.readers[goes_on].reaches(
                    team.stream, seen + 300, timeout_s=60, what="delivery beside a gateway that hangs"
                )
            finally:
                product.resume(name)
            await talk.sent_at_least(len(talk.operations) + 100)
        assert all(socket.counters.resyncs == 0 for socket in talk.readers.values())


async def test_redis_emptied(product_factory: Callable[..., Product], people_in: MakePeople) -> None:
    """Everything in Redis is a copy: at full load it is lost from one moment to the next, and made anew, exactly."""
    async with talking(product_factory, people_in, webs=2) as (product, team, talk):
        ann, bob, cy = team.people
        del talk.readers["reader 2"]  # Cy's, who goes and comes
        with Redis.from_url(product.env["REDIS_URL"]) as client:
            for round_ in range(3):
                await asyncio.to_thread(client.flushall)
                seen = {name: socket.last[team.stream] for name, socket in talk.readers.items()}
                await ann.rest.delete(f"/v1/channels/{team.channel['id']}/members/{cy.id}")
                with pytest.raises(ProblemError) as refused:
                    await cy.post(team.channel, "no member any more", client_msg_id=f"s9-{round_}")
                assert refused.value.code in {"forbidden", "not_found"}
                await ann.rest.post(f"/v1/channels/{team.channel['id']}/members", {"user_ids": [cy.id]})
                posted = await cy.post(team.channel, "a member again", client_msg_id=f"s8-{round_}")
                talk.operations.append(Operation(f"s8-{round_}", "ok", posted["message_id"]))
                for name in ("reader 0", "reader 1"):
                    await talk.readers[name].reaches(team.stream, seen[name] + 100, timeout_s=30, what=name)
            members = {b"0", *(person.id.encode() for person in team.people)}
            async with asyncio.timeout(30):
                while await asyncio.to_thread(client.smembers, f"chan_mem:{team.channel['id']}") != members:
                    await asyncio.sleep(0.1)
                # Told anew when a gateway next renews its lease.
                while await asyncio.to_thread(client.exists, *(f"user_session:{one.id}" for one in (ann, bob))) < 2:
                    await asyncio.sleep(0.1)


async def test_a_gateway_leaves_in_peace(product_factory: Callable[..., Product], people_in: MakePeople) -> None:
    async with talking(product_factory, people_in, webs=2) as (product, _team, talk):
        for socket in (*talk.senders, *talk.readers.values()):
            socket.base_url = product.url_of("web-0")
        await asyncio.to_thread(product.terminate, "web-1")
        await talk.sent_at_least(len(talk.operations) + 100)
        assert all(socket.counters.resyncs == 0 for socket in talk.readers.values())


async def test_a_sequencer_killed_while_another_stands_by(
    product_factory: Callable[..., Product], people_in: MakePeople
) -> None:
    async with talking(product_factory, people_in, sequencers=2) as (product, _team, talk):
        for name in ("sequencer-0", "sequencer-1", "sequencer-0"):
            await product.restart(name)
            await talk.sent_at_least(len(talk.operations) + 100)


async def test_a_sequencer_that_hangs_and_wakes_up_late(
    product_factory: Callable[..., Product], people_in: MakePeople
) -> None:
    """A zombie: it still believes to own its partitions when another has long taken them."""
    async with talking(product_factory, people_in, sequencers=2) as (product, team, talk):
        for name in ("sequencer-0", "sequencer-1"):
            product.pause(name)
            seen = talk.readers["reader 0"].last[team.stream]
            await talk.readers["reader 0"].reaches(team.stream, seen + 200, timeout_s=60)
            product.resume(name)
            await talk.sent_at_least(len(talk.operations) + 100)


async def test_the_celery_worker_gone(product_factory: Callable[..., Product], people_in: MakePeople) -> None:
    async with talking(product_factory, people_in) as (product, _team, talk):
        await asyncio.to_thread(product.kill, "worker-0")
        await talk.sent_at_least(len(talk.operations) + 200)
        await asyncio.to_thread(product.start, "worker-0")


async def _until_accepted(team: Team, text: str, key: str) -> str:
    async with asyncio.timeout(60):
        while True:
            try:
                return str((await team.people[0].post(team.channel, text, client_msg_id=key))["message_id"])
            except ProblemError as error:
                assert error.code == "unavailable", error
                await asyncio.sleep(0.3)
