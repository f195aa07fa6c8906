"""The socket as a client sees it: a real server, a real WebSocket client, the rooms below doubled."""

import array
import asyncio
import contextlib
import fcntl
import json
import socket
import sys
import termios
from typing import Any

import pytest
import uvicorn
from channels.routing import URLRouter
from django.conf import settings
from websockets.exceptions import ConnectionClosed, InvalidStatus

from apps.accounts.principal import Principal
from apps.core.errors import ForbiddenError, InvalidError, RateLimitedError
from apps.eventlog.events import Batch
from apps.gateway import consumers, registry, server, session, tokens
from apps.gateway import hub as hub_module
from apps.gateway.hub import Hub
from apps.gateway.proofs import Proofs
from tests.unit.gateway.conftest import serving
from tests.unit.gateway.doubles import Client, World, event

ORIGIN = settings.ALLOWED_ORIGINS[0]
COOKIE = {"Cookie": f"a=b; {settings.SESSION_COOKIE_NAME}=user.1"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "RESUME_GRACE_S", 0.05)


# -- who is there

BOTH_WAYS = pytest.mark.parametrize("served", ["short", "stock"], indirect=True)


@BOTH_WAYS
async def test_a_token_in_the_subprotocol(served: World, hub: Hub) -> None:
    async with served.client("user.42") as client:
        hello = await client.hello()
        assert client.connection.subprotocol == "slackclone.v1"
    assert hello["user_id"] == "42"
    assert hello["heartbeat_ms"] == 30_000
    assert hello["resumed"] is False
    assert hello["gateway"] == "g1"


@BOTH_WAYS
async def test_a_token_in_the_first_frame(served: World) -> None:
    async with served.client(None) as client:
        await client.send({"t": "auth", "token": "user.42"})
        assert (await client.next())["user_id"] == "42"


@BOTH_WAYS
async def test_a_cookie_with_an_origin_that_is_ours(served: World) -> None:
    async with served.client(None, origin=ORIGIN, additional_headers=COOKIE) as client:
        assert (await client.next())["user_id"] == "1"


@BOTH_WAYS
@pytest.mark.parametrize(
    ("token", "origin", "headers", "code"),
    [
        ("nobody.1", None, {}, 4401),
        (None, ORIGIN, {"Cookie": f"{settings.SESSION_COOKIE_NAME}=nobody"}, 4401),
        (None, None, COOKIE, 4403),
        (None, "https://evil.example", COOKIE, 4403),
        (None, "null", COOKIE, 4403),
        (None, ORIGIN + ".evil.example", COOKIE, 4403),
        ("user.1", "https://evil.example", {}, 4403),
    ],
)
async def test_who_is_turned_away(
    served: World, hub: Hub, token: str | None, origin: str | None, headers: dict[str, str], code: int
) -> None:
    async with served.client(token, origin=origin, additional_headers=headers) as client:
        assert await client.close_code() == code
    assert hub.users == {}


@pytest.mark.parametrize(
    "first", [{"t": "ping"}, {"t": "subscribe", "streams": {}}, {"t": "auth", "token": "nobody.1"}]
)
async def test_a_first_frame_that_proves_nothing(served: World, hub: Hub, first: Any) -> None:
    async with served.client(None) as client:
        await client.send(first)
        assert (await client.next())["code"] == "unauthenticated"
        assert await client.close_code() == 4401
    assert hub.users == {}


async def test_no_proof_in_time(served: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "AUTH_DEADLINE_S", 0.05)
    async with served.client(None) as client:
        assert await client.close_code() == 4408


@BOTH_WAYS
async def test_a_full_gateway_refuses_before_any_work(served: World, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.max_sockets = 1
    async with served.client() as client:
        await client.hello()
        monkeypatch.setattr(consumers, "Session", None)  # nobody is made for who is refused
        monkeypatch.setattr(consumers, "_proof", None)  # nor their proof looked at
        with pytest.raises(InvalidStatus) as refused:
            async with served.client():
                pass
    assert refused.value.response.status_code == 503
    assert int(refused.value.response.headers["Retry-After"]) > 0
    assert hub.stats.refused == 1


@BOTH_WAYS
async def test_places_are_free_again_when_sockets_end(served: World, hub: Hub) -> None:
    hub.max_sockets = 1
    for _ in range(3):
        async with served.client() as client:
            await client.hello()
        async with asyncio.timeout(5):
            while hub.connected:
                await asyncio.sleep(0.005)
    assert hub.users == {}


# -- frames


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        "true",
        '"ping"',
        '{"t":"nope","id":5}',
        '{"t":5,"id":5}',
        '{"t":"send","id":5}',
        '{"t":"send","id":5,"channel_id":"1","text":7}',
        '{"t":"send","id":5,"channel_id":1,"text":"x"}',
        '{"t":"send","id":5,"channel_id":"-1","text":"x"}',
        '{"t":"send","id":5,"channel_id":"1","text":"\\ud800"}',
        '{"t":"send","id":5,"channel_id":"1","text":"x","also_in_channel":"yes"}',
        '{"t":"subscribe","id":5,"streams":["c:1"]}',
        '{"t":"subscribe","id":5,"streams":{"c:1":-1}}',
        '{"t":"subscribe","id":5,"streams":{"c:1":1.5}}',
        '{"t":"subscribe","id":5,"streams":{"c:1":1e400}}',
        '{"t":"subscribe","id":5,"streams":{"' + "c" * 100 + '":1}}',
        '{"t":"react","id":5,"message_id":"1","emoji":"x","on":1}',
        '{"t":"ping","id":' + "[" * 30_000,
        '{"t":"ping","x":' + '{"a":' * 8_000 + "1" + "}" * 8_000 + "}",
        b'{"t":"ping"}',
        b"\x00\xff",
    ],
)
async def test_malformed_frames_are_told_and_change_nothing(served: World, bad: str | bytes) -> None:
    async with served.client() as client:
        await client.hello()
        await client.send(bad)
        error = await client.next()
        assert (error["t"], error["code"]) == ("error", "invalid")
        assert error["id"] in {None, 5}
        assert "Traceback" not in error["detail"]
        await client.send({"t": "ping", "id": 6})
        assert await client.next() == {"t": "pong", "id": 6}
    assert served.posts == []


async def test_too_many_malformed_frames(served: World) -> None:
    async with served.client() as client:
        await client.hello()
        for _ in range(session.MAX_ERRORS + 1):
            await client.send("{")
        assert await client.close_code() == 4429


async def test_a_ping_of_the_websocket_protocol_is_a_sign_of_life(served: World, hub: Hub) -> None:
    async with served.client("user.1") as client:
        await client.hello()
        (socket,) = hub.sockets()
        hub.tick += 50
        await (await client.connection.ping())
        assert socket.seen == hub.tick


async def test_a_frame_too_large(served: World) -> None:
    async with served.client() as client:
        await client.hello()
        await client.send(json.dumps({"t": "ping", "id": "x" * settings.FRAME_MAX_BYTES}))
        assert await client.close_code() == 4413


async def test_frames_before_hello_are_not_lost(served: World) -> None:
    async with served.client(None) as client:
        await client.send({"t": "auth", "token": "user.1"})
        await client.send({"t": "subscribe", "id": "first", "streams": {"c:1": None}})
        await client.send({"t": "ping", "id": 2})
        assert (await client.next())["t"] == "hello"
        kinds = {(frame["t"], frame["id"]) for frame in [await client.next(), await client.next()]}
        assert kinds == {("subscribed", "first"), ("pong", 2)}


async def test_a_flood_is_slowed_and_answered(served: World, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "TICK_S", 0.05)
    monkeypatch.setattr(session, "_MAX_FRAMES_PER_TICK", 100)
    hub.start()
    async with served.client() as client:
        await client.hello()
        for number in range(1000):
            await client.send({"t": "ping", "id": number})
        assert [(await client.next())["id"] for _ in range(1000)] == list(range(1000))
        assert hub.tick > 5


# -- commands


async def test_a_send_is_acknowledged(served: World) -> None:
    async with served.client("user.3") as client:
        await client.hello()
        await client.send({"t": "send", "id": 3, "channel_id": "9", "text": "hi", "client_msg_id": "a", "retry": True})
        ack = await client.next()
    assert ack == {"t": "ack", "id": 3, "client_msg_id": "a", "message_id": "5001", "timestamp": 1234}
    [post] = served.posts
    assert post["actor"].user_id == 3
    assert (post["channel_id"], post["text"], post["retry"], post["kind"]) == (9, "hi", True, "text")


async def test_acks_keep_the_order_of_the_sends(served: World) -> None:
    served.post_gates["slow"] = asyncio.Event()
    async with served.client() as client:
        await client.hello()
        await client.send({"t": "send", "id": 1, "channel_id": "1", "text": "slow"})
        await client.send({"t": "send", "id": 2, "channel_id": "2", "text": "quick"})
        await client.send({"t": "send", "id": 3, "channel_id": "1", "text": "after slow"})
        async with asyncio.timeout(5):
            while not served.posts:
                await asyncio.sleep(0.005)
        served.post_gates["slow"].set()
        assert [(await client.next())["id"] for _ in range(3)] == [1, 2, 3]
    assert [post["text"] for post in served.posts] == ["quick", "slow", "after slow"]


async def test_more_sends_than_are_let_in_flight(served: World, hub: Hub) -> None:
    served.post_gates["0"] = asyncio.Event()
    async with served.client() as client:
        await client.hello()
        for number in range(300):
            await client.send({"t": "send", "id": number, "channel_id": str(number + 1), "text": str(number)})
        await asyncio.sleep(0.1)
        assert len(served.posts) < session.MAX_IN_FLIGHT
        served.post_gates["0"].set()
        assert [(await client.next())["id"] for _ in range(300)] == list(range(300))


@pytest.mark.parametrize(
    ("error", "code", "more"),
    [
        (RateLimitedError("Slower.", retry_after=0.5), "rate_limited", {"retry_after": 0.5}),
        (ForbiddenError("No."), "forbidden", {}),
        (InvalidError(errors={"text": ["is empty"]}), "invalid", {"errors": {"text": ["is empty"]}}),
    ],
)
async def test_refusals_name_the_frame(served: World, error: Any, code: str, more: dict[str, Any]) -> None:
    served.post_error = error
    async with served.client() as client:
        await client.hello()
        await client.send({"t": "send", "id": "mine", "channel_id": "1", "text": "x"})
        assert await client.next() == {"t": "error", "id": "mine", "code": code, "detail": error.detail, **more}


async def test_a_failure_of_ours_tells_nothing_inside(served: World, caplog: pytest.LogCaptureFixture) -> None:
    served.post_error = RuntimeError("secret")  # type: ignore[assignment]
    async with served.client() as client:
        await client.hello()
        await client.send({"t": "send", "id": 1, "channel_id": "1", "text": "x"})
        error = await client.next()
    assert error["code"] == "internal"
    assert "secret" not in json.dumps(error)
    assert "secret" in caplog.text


async def test_an_id_too_large_names_nothing(served: World) -> None:
    async with served.client() as client:
        await client.hello()
        await client.send({"t": "delete", "id": 1, "message_id": "9999999999999999999"})
        assert (await client.next())["code"] == "not_found"
    assert served.posts == []


async def test_edit_delete_and_react(served: World) -> None:
    async with served.client() as client:
        await client.hello()
        for frame in (
            {"t": "edit", "id": 1, "message_id": "7", "text": "new"},
            {"t": "delete", "id": 2, "message_id": "7"},
            {"t": "react", "id": 3, "message_id": "7", "emoji": "👍", "on": True},
            {"t": "react", "id": 4, "message_id": "7", "emoji": "👍", "on": False},
        ):
            await client.send(frame)
            assert await client.next() == {"t": "ok", "id": frame["id"]}
    assert [post.get("text", post.get("emoji")) for post in served.posts] == ["new", None, "👍", "👍"]


# -- following


async def test_events_reach_who_subscribed(served: World) -> None:
    served.store.fill("c:1", 3)
    served.hidden.add(2)
    async with served.client() as client:
        await client.hello()
        answer = await client.subscribe(c_1=1, c_2=None)
        assert answer["denied"] == ["c:2"]
        assert answer["streams"] == {"c:1": {"seq": 3, "count": 3, "mode": "push"}}
        served.broadcast.events(event("c:1", 4))
        assert (await client.next())["seq"] == 4
        await client.send({"t": "unsubscribe", "id": 2, "streams": ["c:1"]})
        assert await client.next() == {"t": "ok", "id": 2}
        served.broadcast.events(event("c:1", 5))
        await client.send({"t": "ping", "id": 3})
        assert (await client.next())["t"] == "pong"


async def test_missed_events_come_before_the_answer(served: World) -> None:
    served.store.fill("c:1", 5)
    async with served.client() as client:
        await client.hello()
        await client.send({"t": "subscribe", "id": 1, "streams": {"c:1": 2}})
        frames = [await client.next() for _ in range(4)]
    assert [frame.get("seq") for frame in frames[:3]] == [3, 4, 5]
    assert frames[3]["t"] == "subscribed"


async def test_a_subscription_while_the_store_is_down(served: World) -> None:
    served.store.down = True
    async with served.client() as client:
        await client.hello()
        await client.send({"t": "subscribe", "id": 1, "streams": {"c:1": None}})
        error = await client.next()
        assert (error["id"], error["code"], error["retry_after"]) == (1, "unavailable", 1)
        served.store.down = False
        assert (await client.subscribe(c_1=None))["streams"]["c:1"]["seq"] == 0


async def test_a_session_revoked_after_its_proof_gets_no_hello(served: World, hub: Hub) -> None:
    """The revocation was told while nobody here listened for it: after the proof, before the socket joined."""
    served.revoked.add(99)
    async with served.client("user.1.99") as client:
        with pytest.raises(ConnectionClosed):
            await client.next()
        assert client.connection.close_code == 4410
    assert not hub.users


async def test_the_session_is_revoked(served: World) -> None:
    async with served.client("user.1.99") as client:
        await client.hello()
        served.broadcast.signal("u:1", "session.revoked", "99")
        assert await client.close_code() == 4410


# -- resuming


async def resume(client: Client, hello: Any, **streams: int) -> Any:
    named = {name.replace("_", ":"): seq for name, seq in streams.items()}
    await client.send({"t": "resume", "session": hello["session"], "token": hello["token"], "streams": named})
    return await client.next("hello")


async def test_after_a_drop_everything_missed_and_nothing_twice(served: World) -> None:
    served.store.fill("c:1", 2)
    async with served.client() as client:
        before = await client.hello()
        await client.subscribe(c_1=None)
    served.store.fill("c:1", 6)
    served.broadcast.emit(Batch("c:1", served.store.logs["c:1"][2:]))
    async with served.client() as client:
        hello = await resume(client, before, c_1=2)
        assert (hello["resumed"], hello["session"]) == (True, before["session"])
        assert [(await client.next())["seq"] for _ in range(4)] == [3, 4, 5, 6]
        answer = await client.next()
        assert (answer["t"], answer["id"], answer["streams"]["c:1"]["seq"]) == ("subscribed", None, 6)
        served.broadcast.events(event("c:1", 7))
        assert (await client.next())["seq"] == 7


async def test_a_resume_that_missed_too_much(served: World) -> None:
    async with served.client() as client:
        before = await client.hello()
    served.store.fill("c:1", 3000)
    served.store.fill("c:2", 3)
    async with served.client() as client:
        await resume(client, before, c_1=2, c_2=2)
        assert await client.next() == {"t": "resync", "stream": "c:1", "seq": 3000}
        assert (await client.next())["seq"] == 3
        assert (await client.next())["t"] == "subscribed"


async def test_the_older_socket_of_a_session_is_told_to_go(served: World) -> None:
    async with served.client() as old:
        before = await old.hello()
        async with served.client() as new:
            await resume(new, before)
            assert await old.close_code() == 4409
            await new.send({"t": "ping", "id": 1})
            assert (await new.next("pong"))["id"] == 1


@pytest.mark.parametrize("change", [{"token": "0" * 40}, {"session": "another"}, {"token": "é"}])
async def test_a_session_that_cannot_be_resumed_is_a_fresh_one(served: World, change: dict[str, str]) -> None:
    async with served.client() as client:
        before = await client.hello()
    async with served.client() as client:
        hello = await resume(client, before | change, c_1=0)
        assert hello["resumed"] is False
        assert hello["session"] not in {before["session"], "another"}


async def test_anothers_session_cannot_be_resumed(served: World) -> None:
    async with served.client("user.1") as client:
        before = await client.hello()
        async with served.client("user.2") as thief:
            hello = await resume(thief, before)
            assert hello["resumed"] is False
        await client.send({"t": "ping", "id": 1})
        assert (await client.next())["t"] == "pong"


async def test_a_resume_goes_on_when_the_store_returns(served: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_RESUME_AGAIN_S", 0.02)
    served.store.fill("c:1", 2)
    async with served.client() as client:
        before = await client.hello()
    served.store.down = True
    async with served.client() as client:
        await resume(client, before, c_1=1)
        await client.send({"t": "send", "id": 1, "channel_id": "1", "text": "x"})
        assert (await client.next())["t"] == "ack"
        served.store.down = False
        assert (await client.next())["seq"] == 2
        assert (await client.next())["t"] == "subscribed"


async def test_who_says_nothing_gets_a_fresh_session(served: World) -> None:
    async with served.client() as client:
        assert (await client.next())["resumed"] is False


def test_a_resume_token_is_bound_to_its_session_and_user() -> None:
    token = tokens.mint("s", 1)
    assert tokens.valid(token, "s", 1)
    assert not tokens.valid(token, "s", 2)
    assert not tokens.valid(token, "t", 1)


# -- leaving


async def test_draining(served: World, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_DRAIN_GRACE_S", 0.05)
    async with served.client() as client:
        await client.hello()
        draining = asyncio.create_task(hub.drain(0.05))
        frame = await client.next()
        assert frame["t"] == "reconnect"
        assert 0 <= frame["after_ms"] <= 50
        with pytest.raises(InvalidStatus):
            async with served.client():
                pass
        assert await client.close_code() == 1012
        await draining


# -- other servers


async def speaks(world: World) -> None:
    world.store.fill("c:1", 2)
    async with world.client() as client:
        before = await client.hello()
        assert (await client.subscribe(c_1=1))["streams"]["c:1"]["seq"] == 2
        world.broadcast.events(event("c:1", 3))
        assert (await client.next("event"))["seq"] == 3
        await client.send({"t": "send", "id": 1, "channel_id": "1", "text": "x"})
        assert (await client.next())["t"] == "ack"
        await client.send("{")
        assert (await client.next())["code"] == "invalid"
        async with world.client() as other:
            await resume(other, before)
            assert await client.close_code() == 4409
    async with world.client("nobody.1") as client:
        assert await client.close_code() == 4401
    async with world.client() as client:
        await client.hello()
        await client.send(json.dumps({"t": "ping", "id": "x" * settings.FRAME_MAX_BYTES}))
        assert await client.close_code() == 4413


async def test_stock_uvicorn_serves_the_same_consumer(world: World, hub: Hub) -> None:
    from apps.gateway.routing import websocket_urlpatterns

    config = uvicorn.Config(
        URLRouter(websocket_urlpatterns), ws="websockets-sansio", log_config=None, lifespan="off", loop="none"
    )
    async with serving(None, config) as port:
        world.port = port
        await speaks(world)
        async with asyncio.timeout(5):
            while hub.connected:
                await asyncio.sleep(0.005)
    assert not hub.users


async def test_daphne_serves_the_same_consumer(tmp_path: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "tests.unit.gateway.served_by_daphne:application"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await answers(port)
        world = World(port=port)
        async with world.client() as client:
            before = await client.hello()
            await client.send({"t": "subscribe", "id": 1, "streams": {"c:1": 1}})
            assert (await client.next())["seq"] == 2
            assert (await client.next())["streams"]["c:1"]["seq"] == 2
            await client.send({"t": "send", "id": 1, "channel_id": "1", "text": "x"})
            assert (await client.next())["t"] == "ack"
            async with world.client() as other:
                assert (await resume(other, before))["resumed"] is True
                assert await client.close_code() == 4409
        async with world.client("nobody.1") as client:
            assert await client.close_code() == 4401
    finally:
        process.terminate()
        await process.wait()


async def answers(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


# -- who reads too little


async def test_a_client_that_stops_reading_is_cut_off_costs_little_and_slows_nobody(
    served: World, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "TICK_S", 0.05)
    hub.start()
    async with served.client("user.1") as client, served.client("user.2", max_queue=1) as stuck:
        for one in (client, stuck):
            await one.hello()
            await one.subscribe(c_1=None)
        connection = hub.users[2][0].connection
        assert isinstance(connection, server.FrameConnection)
        most, seq = 0, 0
        async with asyncio.timeout(20):
            while len(hub.users) == 2:
                seq += 1
                served.broadcast.events(event("c:1", seq, body={"text": "x" * 60_000}))
                assert (await client.next())["seq"] == seq, "who reads gets each at once"
                most = max(most, connection.buffered() + unsent(connection))
        assert hub.queue_bytes <= most <= 2 * 1024 * 1024
        assert hub.stats.slow_closes == 1
        assert 1 in hub.users
    assert settings.SOCKET_STALLED_S + 2 * 1.0 <= 10, "the sweep looks once a second"


def unsent(connection: server.FrameConnection) -> int:
    """What the kernel holds of it for the other end, by its own account."""
    answer = array.array("i", [0])
    with contextlib.suppress(OSError):  # closed meanwhile
        fcntl.ioctl(connection._transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, answer)
    return answer[0]


async def test_a_slow_client_learns_why_and_resumes(served: World, hub: Hub) -> None:
    hub.queue_bytes = 200_000
    async with served.client("user.1", max_queue=1) as slow:
        before = await slow.hello()
        await slow.subscribe(c_1=None)
        seq = 0
        while hub.users:
            seq += 1
            served.store.put(event("c:1", seq, body={"text": "x" * 60_000}))
            served.broadcast.events(served.store.logs["c:1"][-1])
            await asyncio.sleep(0.001)
        assert await slow.close_code() == 4508
    async with served.client("user.1") as client:
        await resume(client, before, c_1=seq - 3)
        assert [(await client.next())["seq"] for _ in range(3)] == [seq - 2, seq - 1, seq]


async def test_a_proof_that_never_comes_costs_a_reconnect(served: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Proofs):
        async def of_token(self, token: str) -> Principal:
            await asyncio.Event().wait()
            raise AssertionError(token)

    monkeypatch.setattr(session, "PROOF_DEADLINE_S", 0.05)
    monkeypatch.setattr(registry, "proofs", Stuck)
    async with served.client() as client:
        assert await client.close_code() == 1011
