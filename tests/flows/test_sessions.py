"""Sessions: resume after a drop, hand-off, tokens that end, rights that end."""

import asyncio

import pytest

from bench.client import ProblemError, RestClient
from tests.harness.fixtures import People
from tests.harness.raw import Raw


async def test_a_dropped_socket_resumes_without_gap_or_repeat(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    socket = await bob.socket(team.stream)
    await ann.post(team.channel, "seen live")
    await socket.until(lambda: socket.events[team.stream])
    session = socket.hello["session"]
    socket.drop()
    missed = [(await ann.post(team.channel, f"missed {index}"))["message_id"] for index in range(5)]
    await socket.until(lambda: len(socket.events[team.stream]) >= 6)
    assert [event["data"]["message_id"] for event in socket.events[team.stream][1:]] == missed
    assert (socket.counters.resumed, socket.counters.resyncs, socket.counters.gaps) == (1, 0, 0)
    assert socket.hello["session"] == session
    again = await ann.post(team.channel, "live again")
    await socket.until(lambda: len(socket.events[team.stream]) >= 7)
    assert socket.events[team.stream][6]["data"]["message_id"] == again["message_id"]
    assert [event["seq"] for event in socket.events[team.stream]] == list(
        range(socket.events[team.stream][0]["seq"], socket.last[team.stream] + 1)
    )


async def test_many_drops_in_the_middle_of_talk(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    sender = await ann.socket(backoff_cap_s=0.2)
    reader = await bob.socket(team.stream, backoff_cap_s=0.2)
    acks = []
    for index in range(40):
        acks.append(sender.post(team.channel["id"], f"{index}"))
        if index % 8 == 3:
            sender.drop()
        if index % 8 == 7:
            reader.drop()
        await asyncio.sleep(0.03)
    acked = [ack["message_id"] for ack in await asyncio.wait_for(asyncio.gather(*acks), 30)]
    await reader.until(lambda: len(reader.events[team.stream]) >= 40)
    seen = [event["data"]["message_id"] for event in reader.events[team.stream]]
    assert len(seen) == len(set(seen)) == 40
    assert sorted(seen) == sorted(acked)
    assert [message["message_id"] for message in await ann.history(team.channel)] == seen
    assert reader.counters.gaps == 0


async def test_a_subscription_from_a_seq_brings_everything_after_it(people: People) -> None:
    team = await people.team("Ann")
    ann = team.people[0]
    posted = [await ann.post(team.channel, f"{index}") for index in range(6)]
    socket = await ann.socket()
    await socket.subscribe(since={team.stream: posted[2]["seq"]})
    await socket.until(lambda: len(socket.events[team.stream]) >= 3)
    assert [event["data"]["message_id"] for event in socket.events[team.stream]] == [
        message["message_id"] for message in posted[3:]
    ]
    await socket.unsubscribe(team.stream)
    await socket.ping()
    await ann.post(team.channel, "unheard")
    await socket.ping()
    assert len(socket.events[team.stream]) == 3


async def test_the_same_session_elsewhere_replaces_the_older_socket(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    old = await bob.socket(team.stream)
    first = await ann.post(team.channel, "to the old one")
    await old.until(lambda: old.events[team.stream])
    async with Raw(bob.base_url) as new:
        await new.send({"t": "auth", "token": await bob.token()})
        await new.send(
            {
                "t": "resume",
                "session": old.hello["session"],
                "token": old.hello["token"],
                "streams": {team.stream: first["seq"]},
            }
        )
        hello = await new.until("hello", resumed=True)
        assert hello["session"] == old.hello["session"]
        await old.until(lambda: old.fatal == 4409, what="4409 on the older socket")
        second = await ann.post(team.channel, "to the new one")
        event = await new.until("event")
        assert event["data"]["message_id"] == second["message_id"]
    assert len(old.events[team.stream]) == 1


async def test_a_removed_member_hears_nothing_more(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    private = await ann.channel(team.workspace, "inner-circle", bob, kind="private")
    socket = await bob.socket(private["stream"])
    await ann.post(private, "still here")
    await socket.until(lambda: socket.events[private["stream"]])
    await ann.rest.delete(f"/v1/channels/{private['id']}/members/{bob.id}")
    for index in range(3):
        await ann.post(private, f"behind Bob's back {index}")
    await socket.until(lambda: private["stream"] in socket.gone, what="gone")
    await socket.ping()
    texts = [e["data"]["text"] for e in socket.events[private["stream"]] if e["type"] == "message.posted"]
    assert texts == ["still here"]
    for attempt in (bob.page(private), bob.post(private, "hello?"), bob.rest.get(f"/v1/channels/{private['id']}")):
        with pytest.raises(ProblemError) as refused:
            await attempt
        assert refused.value.code == "not_found"
    assert (await socket.subscribe(private["stream"]))["denied"] == [private["stream"]]


async def test_a_deactivated_member_loses_the_workspace(people: People) -> None:
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    socket = await bob.socket(team.stream, f"w:{team.workspace['id']}")
    await ann.rest.patch(f"/v1/workspaces/{team.workspace['id']}/members/{bob.id}", {"active": False})
    await ann.post(team.channel, "without Bob")
    await socket.until(lambda: {team.stream, f"w:{team.workspace['id']}"} <= socket.gone)
    assert [e for e in socket.events[team.stream] if e["type"] == "message.posted"] == []
    with pytest.raises(ProblemError) as refused:
        await bob.page(team.channel)
    assert refused.value.code == "not_found"


async def test_a_refresh_token_used_twice_ends_the_session(people: People) -> None:
    (ann,) = await people("Ann")
    socket = await ann.socket()
    stolen = ann.refresh
    await ann.renew()
    assert (await ann.rest.get("/v1/me"))["id"] == ann.id
    thief = RestClient(people.base_url)
    with pytest.raises(ProblemError) as refused:
        await thief.post("/v1/auth/token/refresh", {"refresh": stolen})
    assert refused.value.status == 401
    for attempt in (thief.post("/v1/auth/token/refresh", {"refresh": ann.refresh}), ann.rest.get("/v1/me")):
        with pytest.raises(ProblemError) as refused:
            await attempt
        assert refused.value.status == 401
    await socket.until(lambda: socket.fatal == 4410, what="4410")
    await thief.close()


async def test_signing_out_and_revoking_end_the_sockets_of_that_session_only(people: People) -> None:
    (ann,) = await people("Ann")
    other = RestClient(people.base_url)
    pair = await other.post("/v1/auth/token", {"email": ann.email, "password": ann.password})
    other.token = pair["access"]
    socket = await ann.socket()
    sessions = (await other.get("/v1/me/sessions"))["results"]
    assert len(sessions) == 2
    mine = next(session for session in sessions if not session["current"])
    await other.delete(f"/v1/me/sessions/{mine['id']}")
    await socket.until(lambda: socket.fatal == 4410, what="4410")
    with pytest.raises(ProblemError):
        await ann.rest.get("/v1/me")
    assert (await other.get("/v1/me"))["id"] == ann.id
    await other.post("/v1/auth/signout")
    with pytest.raises(ProblemError) as refused:
        await other.get("/v1/me")
    assert refused.value.status == 401
    await other.close()


async def test_a_socket_authenticates_by_subprotocol_too(people: People) -> None:
    team = await people.team("Ann")
    ann = team.people[0]
    socket = await ann.socket(team.stream, auth="subprotocol")
    assert socket.hello["user_id"] == ann.id
    ack = await socket.send(team.channel["id"], "hello")
    await socket.until(lambda: socket.events[team.stream])
    assert socket.events[team.stream][0]["data"]["message_id"] == ack["message_id"]


async def test_the_heartbeat_is_thirty_seconds_with_jitter_left_to_the_client(people: People) -> None:
    (ann,) = await people("Ann")
    socket = await ann.socket()
    assert 20_000 <= socket.hello["heartbeat_ms"] <= 40_000
    assert (await socket.ping())["t"] == "pong"
