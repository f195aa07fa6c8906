import asyncio
import functools
import time
from collections.abc import Callable

import msgspec
import pytest

from apps.core.errors import InvalidError, UnavailableError
from apps.gateway import hub as hub_module
from apps.gateway import repair, writing
from apps.gateway.follow import MAX_STREAMS, follow
from apps.gateway.frames import Place
from apps.gateway.hub import Hub
from apps.gateway.stream import Socket
from tests.unit.gateway.doubles import WORKSPACE, ConnectionDouble, World, event


class Fake(Socket):
    connection: ConnectionDouble


async def enter(hub: Hub, user_id: int = 1, *, session: str = "", proof: int | None = None) -> Fake:
    socket = Fake()
    socket.bind(ConnectionDouble(socket, hub))
    socket.user_id, socket.session, socket.proof_id = user_id, session, proof
    hub.connected += 1
    await hub.attach(socket)
    return socket


async def join(world: World, hub: Hub, socket: Fake, **wanted: int | None) -> dict[str, Place]:
    names = {name.replace("_", ":"): after for name, after in wanted.items()}
    places, denied = await follow(hub, socket, world.principal(f"user.{socket.user_id}"), names)
    assert not denied
    return places


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def _has(socket: Fake, seq: int) -> bool:
    return socket.connection.seqs()[-1:] == [seq]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def publish(world: World, *seqs: int, stream: str = "c:1") -> None:
    world.broadcast.events(*(event(stream, seq) for seq in seqs))


async def test_from_now_on_brings_what_comes_after_the_place(world: World, hub: Hub) -> None:
    world.store.fill("c:1", 20)
    socket = await enter(hub)

    places = await join(world, hub, socket, c_1=None)
    publish(world, 21)
    await settle()

    assert places == {"c:1": Place(seq=20, count=20)}
    assert socket.connection.seqs() == [21]


async def test_repeats_are_dropped(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    for seqs in ((1, 2), (1, 2), (2, 3), (1,)):
        publish(world, *seqs)
    await settle()
    assert socket.connection.seqs() == [1, 2, 3]


async def test_a_gap_is_read_from_the_store_before_anything_later(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    publish(world, 1)
    world.store.fill("c:1", 5)
    publish(world, 5)
    await until(lambda: len(socket.connection.seqs()) == 5)
    assert socket.connection.seqs() == [1, 2, 3, 4, 5]
    assert hub.stats.repairs == 1


async def test_one_read_repairs_for_every_socket_and_every_batch(world: World, hub: Hub) -> None:
    sockets = [await enter(hub, user) for user in range(1, 21)]
    for socket in sockets:
        await join(world, hub, socket, c_1=None)
    world.store.fill("c:1", 9)
    world.store.gate = asyncio.Event()
    publish(world, 4)
    publish(world, 6, 7)
    publish(world, 9)
    await settle()
    assert not any(socket.connection.seqs() for socket in sockets)
    world.store.gate.set()
    await until(lambda: all(len(socket.connection.seqs()) == 9 for socket in sockets))
    assert all(socket.connection.seqs() == list(range(1, 10)) for socket in sockets)
    assert world.store.reads == [("c:1", 0)]


async def test_a_repair_waits_for_a_store_that_is_down(world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "_BACKOFF_S", (0.01,))
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    world.store.fill("c:1", 3)
    world.store.down = True
    publish(world, 3)
    await until(lambda: len(world.store.reads) >= 3)
    assert socket.connection.seqs() == []
    world.store.down = False
    await until(lambda: socket.connection.seqs() == [1, 2, 3])


async def test_a_silent_stall_is_found_by_comparing_heads(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    world.store.fill("c:1", 2)  # and its broadcast was lost
    await hub.repair.check([hub.streams["c:1"]])
    await until(lambda: socket.connection.seqs() == [1, 2])


async def test_what_was_lost_while_nobody_looked_is_noticed_at_the_next_look(world: World, hub: Hub) -> None:
    first = await enter(hub)
    await join(world, hub, first, c_1=None)
    hub.detach(first)
    world.store.fill("c:1", 3)
    second = await enter(hub, 2)
    assert (await join(world, hub, second, c_1=0))["c:1"].seq == 3
    assert second.connection.seqs() == [1, 2, 3]


async def test_a_long_outage_of_the_broadcast_loses_nothing_for_who_is_here(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    world.store.fill("c:1", 1500)
    publish(world, 1500)
    await until(lambda: 1500 in socket.connection.seqs())
    assert socket.connection.seqs() == list(range(1, 1501))


async def test_far_behind_means_a_resync_and_not_all_of_it(
    world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "MAX_REPAIR_EVENTS", 1000)
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    world.store.fill("c:1", 1500)
    publish(world, 1500)
    await until(lambda: bool(socket.connection.frames()))
    assert socket.connection.frames() == [{"t": "resync", "stream": "c:1", "seq": 1500}]
    publish(world, 1501)
    await settle()
    assert socket.connection.seqs() == [1501]


async def test_events_wait_for_their_keys_and_keep_their_order(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    world.presenter.cold = True
    publish(world, 1)
    publish(world, 2)
    assert socket.connection.seqs() == []
    await until(lambda: socket.connection.seqs() == [1, 2])
    assert world.store.reads == []


async def test_an_event_that_cannot_be_shown_becomes_a_resync(
    world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "_BACKOFF_S", (0.001,))
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    world.presenter.broken.add("odd")
    world.store.put(event("c:1", 1, kind="odd"))
    world.broadcast.events(event("c:1", 1, kind="odd"))
    await until(lambda: bool(socket.connection.frames()))
    assert socket.connection.frames() == [{"t": "resync", "stream": "c:1", "seq": 1}]
    publish(world, 2)
    await settle()
    assert socket.connection.seqs() == [2]


# -- what was missed


async def test_everything_after_a_seq_and_then_what_comes(world: World, hub: Hub) -> None:
    world.store.fill("c:1", 10)
    socket = await enter(hub)
    places = await join(world, hub, socket, c_1=4)
    publish(world, 11)
    await settle()
    assert places["c:1"].seq == 10
    assert socket.connection.seqs() == [5, 6, 7, 8, 9, 10, 11]


async def test_what_comes_while_the_missed_is_read_stays_in_order(world: World, hub: Hub) -> None:
    world.store.fill("c:1", 10)
    socket = await enter(hub)
    world.store.gate = asyncio.Event()
    joining = asyncio.create_task(join(world, hub, socket, c_1=4))
    await until(lambda: bool(world.store.reads))
    publish(world, 11)
    world.store.fill("c:1", 11)
    publish(world, 12)
    world.store.fill("c:1", 12)
    world.store.gate.set()
    await joining
    publish(world, 13)
    await settle()
    assert socket.connection.seqs() == list(range(5, 14))


async def test_one_read_serves_all_who_missed_about_the_same(world: World, hub: Hub) -> None:
    world.store.fill("c:1", 120)
    sockets = [await enter(hub, user) for user in range(1, 31)]
    await asyncio.gather(*(join(world, hub, socket, c_1=70 + socket.user_id) for socket in sockets))
    assert all(s.connection.seqs() == list(range(71 + s.user_id, 121)) for s in sockets)
    assert len(world.store.reads) == 1


async def test_too_much_missed_is_a_resync_and_never_a_part(world: World, hub: Hub) -> None:
    world.store.fill("c:1", 1200)
    socket = await enter(hub)
    places = await join(world, hub, socket, c_1=100)
    assert socket.connection.frames() == [{"t": "resync", "stream": "c:1", "seq": 1200}]
    assert places["c:1"].seq == 1200


async def test_a_seq_from_the_future_asks_the_store_first(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    world.store.fill("c:1", 3)
    other = await enter(hub, 2)
    assert (await join(world, hub, other, c_1=2))["c:1"].seq == 3
    assert other.connection.seqs() == [3]
    assert socket.connection.seqs() == [1, 2, 3]


async def test_a_seq_that_never_was_is_a_resync(world: World, hub: Hub) -> None:
    world.store.fill("c:1", 3)
    socket = await enter(hub)
    await join(world, hub, socket, c_1=99)
    assert socket.connection.frames() == [{"t": "resync", "stream": "c:1", "seq": 3}]


async def test_following_again_replays_and_goes_on(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    publish(world, 1, 2)
    await settle()
    await join(world, hub, socket, c_1=1)
    publish(world, 3)
    await settle()
    assert socket.connection.seqs() == [1, 2, 2, 3]


async def test_nothing_is_known_while_the_store_is_down(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    world.store.down = True
    with pytest.raises(UnavailableError):
        await join(world, hub, socket, c_1=None)
    publish(world, 8)  # but what is delivered live tells the place
    assert (await join(world, hub, socket, c_1=None))["c:1"].seq == 8


async def test_too_many_streams(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    with pytest.raises(InvalidError):
        await join(world, hub, socket, **{f"c_{n}": None for n in range(1, MAX_STREAMS + 2)})
    assert socket.streams == {}


# -- who may


async def test_denied_are_names_that_are_none_others_streams_and_what_is_hidden(world: World, hub: Hub) -> None:
    world.hidden.add(9)
    world.guests.add(1)
    socket = await enter(hub)
    wanted = {"c:1": None, "c:9": None, "u:1": None, "u:2": None, f"w:{WORKSPACE}": None, "w:8": 3, "nonsense": None}
    places, denied = await follow(hub, socket, world.principal("user.1"), wanted)
    assert set(places) == {"c:1", "u:1"}
    assert sorted(denied) == sorted(set(wanted) - set(places))
    assert set(socket.streams) == {"c:1", "u:1"}


async def test_a_bot_follows_what_its_scopes_cover(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    places, denied = await follow(hub, socket, world.principal("bot.1"), {"c:1": None, f"w:{WORKSPACE}": None})
    assert (set(places), denied) == ({"c:1"}, [f"w:{WORKSPACE}"])


async def test_who_leaves_sees_it_and_nothing_later(world: World, hub: Hub) -> None:
    leaver, stayer = await enter(hub, 1), await enter(hub, 2)
    for socket in (leaver, stayer):
        await join(world, hub, socket, c_1=None)
    left = event("c:1", 2, kind="channel.member_left", body={"channel_id": "1", "user_id": "1", "by": None})
    world.broadcast.events(event("c:1", 1), left, event("c:1", 3))
    publish(world, 4)
    await settle()
    assert leaver.connection.seqs() == [1, 2]
    assert leaver.connection.frames()[-1] == {"t": "gone", "stream": "c:1"}
    assert stayer.connection.seqs() == [1, 2, 3, 4]


async def test_a_removal_told_to_the_user_cuts_the_channel(world: World, hub: Hub) -> None:
    socket, other = await enter(hub, 1), await enter(hub, 1)
    await join(world, hub, socket, c_1=None, c_2=None)
    await join(world, hub, other, c_1=None)
    body = {"channel_id": "1", "workspace_id": "7"}
    world.broadcast.events(event("u:1", 1, kind="membership.removed", body=body))
    publish(world, 1)
    publish(world, 1, stream="c:2")
    await settle()
    assert socket.connection.seqs() == other.connection.seqs() == []
    assert socket.connection.seqs("c:2") == [1]
    assert {"t": "gone", "stream": "c:1"} in other.connection.frames()


async def test_leaving_a_workspace_cuts_all_of_it(world: World, hub: Hub) -> None:
    socket = await enter(hub, 1)
    await join(world, hub, socket, c_1=None, w_7=None, u_1=None)
    world.broadcast.events(event("u:1", 1, kind="workspace.left", body={"workspace_id": "7"}))
    await settle()
    assert set(socket.streams) == {"u:1"}
    assert socket.connection.seqs("u:1") == [1]


async def test_a_guest_keeps_only_their_own_channels(world: World, hub: Hub) -> None:
    world.previews.update({2, 3})
    socket = await enter(hub, 1)
    await join(world, hub, socket, c_1=None, c_2=None, c_3=None, w_7=None)
    world.broadcast.events(
        event("c:3", 1, kind="channel.member_joined", body={"channel_id": "3", "user_id": "1", "by": None})
    )
    body = {"user_id": "1", "workspace_id": "7", "role": "guest", "active": True}
    world.broadcast.events(event("w:7", 1, kind="workspace.member_updated", body=body))
    assert set(socket.streams) == {"c:1", "c:3"}


async def test_a_right_lost_while_joining_is_denied(world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = await enter(hub, 1)
    checked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(channel_ids: list[int], user_id: int) -> object:
        found = await world.access_many(channel_ids, user_id)
        checked.set()
        await go_on.wait()
        return found

    monkeypatch.setattr("apps.conversations.queries.access_many", slow)
    joining = asyncio.create_task(follow(hub, socket, world.principal("user.1"), {"c:1": None}))
    await checked.wait()
    world.broadcast.events(event("u:1", 1, kind="membership.removed", body={"channel_id": "1", "workspace_id": "7"}))
    go_on.set()
    assert await joining == ({}, ["c:1"])
    publish(world, 1)
    await settle()
    assert socket.connection.seqs() == []


async def test_a_right_lost_while_the_missed_is_read_brings_none_of_it(world: World, hub: Hub) -> None:
    world.store.fill("c:1", 5)
    world.store.gate = asyncio.Event()
    loses, ends = await enter(hub, 1), await enter(hub, 2)
    joining = [
        asyncio.create_task(follow(hub, socket, world.principal(f"user.{socket.user_id}"), {"c:1": 2}))
        for socket in (loses, ends)
    ]
    await until(lambda: bool(world.store.reads))
    world.broadcast.events(event("u:1", 1, kind="membership.removed", body={"channel_id": "1", "workspace_id": "7"}))
    hub.detach(ends)
    world.store.gate.set()
    assert (await joining[0])[1] == ["c:1"]
    await joining[1]
    assert loses.connection.writes == ends.connection.writes == []
    assert not hub.streams["c:1"].followers


async def test_a_revoked_proof_closes_its_sockets_only(world: World, hub: Hub) -> None:
    gone, stays = await enter(hub, 1, proof=71), await enter(hub, 1, proof=72)
    await join(world, hub, gone, c_1=None)
    world.broadcast.signal("u:1", "session.revoked", "71")
    publish(world, 1)
    await settle()
    assert gone.connection.codes == [4410]
    assert gone.connection.seqs() == []
    assert stays.connection.codes == []


async def test_the_newest_socket_of_a_session_stays_also_across_gateways(world: World, hub: Hub) -> None:
    elsewhere = world.make_hub("g2")
    old, apart = await enter(hub, 1, session="s"), await enter(hub, 1, session="t")
    far = await enter(elsewhere, 1, session="s")
    newest = await enter(hub, 1, session="s")
    await hub.claim_session(newest)
    await settle()
    assert (old.connection.codes, far.connection.codes) == ([4409], [4409])
    assert newest.connection.codes == apart.connection.codes == []
    await elsewhere.stop()


# -- delivery


async def test_what_waits_for_a_socket_leaves_in_one_write(world: World, hub: Hub) -> None:
    socket, other = await enter(hub, 1), await enter(hub, 2)
    await join(world, hub, socket, c_1=None, c_2=None)
    await join(world, hub, other, c_1=None)
    publish(world, 1, 2)
    publish(world, 3)
    publish(world, 1, stream="c:2")
    await settle()
    assert len(socket.connection.writes) == len(other.connection.writes) == 1
    assert socket.connection.seqs() == [1, 2, 3]
    assert socket.connection.seqs("c:2") == [1]
    assert world.presenter.presented == 4


async def test_a_stream_rests_after_a_long_write_and_joins_meanwhile(world: World, hub: Hub) -> None:
    socket = await enter(hub, 1)
    await join(world, hub, socket, c_1=None)
    stream = hub.streams["c:1"]
    stream.due = time.perf_counter() + 0.3
    publish(world, 1)
    await settle()
    publish(world, 2)
    assert socket.connection.writes == []
    await until(lambda: bool(socket.connection.writes))
    assert len(socket.connection.writes) == 1
    assert socket.connection.seqs() == [1, 2]


async def test_a_socket_over_its_queue_is_closed_and_the_others_are_not(world: World, hub: Hub) -> None:
    hub.queue_bytes = 300
    slow, quick = await enter(hub, 1), await enter(hub, 2)
    for socket in (slow, quick):
        await join(world, hub, socket, c_1=None)
    slow.connection.stuck = True
    for seq in range(1, 9):
        publish(world, seq)
        await until(functools.partial(_has, quick, seq))
    assert slow.connection.codes == [4508]
    assert slow not in hub.streams["c:1"].followers
    assert quick.connection.codes == []


async def test_a_socket_that_reads_nothing_is_cut_off_in_time(
    world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "TICK_S", 0.02)
    hub.start()
    stuck, reads = await enter(hub, 1), await enter(hub, 2)
    for socket in (stuck, reads):
        await join(world, hub, socket, c_1=None)
        socket.connection.stuck = True
    publish(world, 1)
    await settle()
    reads.connection.held = 0
    await until(lambda: stuck.connection.aborted)
    assert not reads.connection.aborted
    assert hub.stats.slow_closes == 1


async def test_a_silent_socket_is_closed(world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "TICK_S", 0.01)
    patient = world.make_hub(heartbeat_s=0.1)
    silent, talks = await enter(patient, 1), await enter(patient, 2)
    patient.start()

    async def talk() -> None:
        while True:
            talks.seen = patient.tick
            await asyncio.sleep(0.005)

    talking = asyncio.create_task(talk())
    await until(lambda: silent.connection.codes == [4408])
    assert talks.connection.codes == []
    talking.cancel()
    await patient.stop()


async def test_ephemeral_events_coalesce_and_spare_the_slow(world: World, hub: Hub) -> None:
    slow, quick = await enter(hub, 1), await enter(hub, 2)
    for socket in (slow, quick):
        await join(world, hub, socket, c_1=None)
    slow.connection.stuck = True
    publish(world, 1)
    await settle()
    for text in ("a", "b"):
        world.broadcast.signal("c:1", "weather", "user 5", msgspec.msgpack.encode({"text": text}))
    world.broadcast.signal("c:1", "weather", "user 6", msgspec.msgpack.encode({"text": "c"}))
    await until(lambda: len(quick.connection.frames()) > 1)
    signals = [frame for frame in quick.connection.frames() if frame["t"] == "signal"]
    assert [signal["data"]["text"] for signal in signals] == ["b", "c"]
    assert slow.connection.seqs() == [1]
    assert not [frame for frame in slow.connection.frames() if frame["t"] == "signal"]


# -- interest


async def test_a_process_listens_only_while_somebody_looks(
    world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "TICK_S", 0.01)
    monkeypatch.setattr(hub_module, "LINGER_S", 0.1)
    hub.start()
    one, two = await enter(hub, 1), await enter(hub, 2)
    for socket in (one, two):
        await join(world, hub, socket, c_1=None)
    assert len(world.broadcast.handlers["c:1"]) == 1
    hub.detach(one)
    await until(lambda: set(world.broadcast.handlers) == {"c:1", "u:2"})
    hub.leave(two, "c:1")
    assert "c:1" in world.broadcast.handlers  # it lingers, for who comes right back
    await until(lambda: "c:1" not in world.broadcast.handlers)
    hub.detach(two)
    await until(lambda: not world.broadcast.handlers and not hub.streams and not hub.users)


async def test_draining_takes_nobody_new_and_sends_everyone_away_with_jitter(
    world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_DRAIN_GRACE_S", 0.05)
    sockets = [await enter(hub, user) for user in range(1, 41)]
    draining = asyncio.create_task(hub.drain(0.05))
    await settle()
    assert hub.full
    waits = [socket.connection.frames()[0]["after_ms"] for socket in sockets]
    assert all(0 <= wait <= 50 for wait in waits)
    assert len(set(waits)) > 10
    await draining
    assert all(socket.connection.codes == [1012] for socket in sockets)


# -- many followers


async def test_a_large_audience_is_written_in_turns_and_in_order(
    world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "WRITE_AT_ONCE", 10)
    monkeypatch.setattr(writing, "_TURN_S", 0.0)
    sockets = [await enter(hub, user) for user in range(1, 201)]
    for socket in sockets:
        await join(world, hub, socket, c_1=None)
    small = await enter(hub, 999)
    await join(world, hub, small, c_2=None)

    publish(world, 1, 2)
    await asyncio.sleep(0)
    reached = sum(1 for socket in sockets if socket.connection.seqs())
    assert 0 < reached < 200
    publish(world, 3)
    publish(world, 1, stream="c:2")
    await asyncio.sleep(0)
    assert small.connection.seqs("c:2") == [1]
    assert any(not socket.connection.seqs() for socket in sockets)

    await until(lambda: all(socket.connection.seqs() == [1, 2, 3] for socket in sockets))


async def test_who_joins_or_leaves_while_others_are_written(
    world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "WRITE_AT_ONCE", 10)
    monkeypatch.setattr(writing, "_TURN_S", 0.0)
    sockets = [await enter(hub, user) for user in range(1, 201)]
    for socket in sockets:
        await join(world, hub, socket, c_1=None)
    publish(world, 1)
    await asyncio.sleep(0)
    waiting = [socket for socket in sockets if not socket.connection.seqs()]
    leaver, cut = waiting[:2]
    hub.leave(leaver, "c:1")
    hub.cut_socket(cut, ["c:1"])
    assert (await join(world, hub, leaver, c_1=None))["c:1"].seq == 1
    publish(world, 2)
    await until(lambda: all(_has(socket, 2) for socket in sockets if socket is not cut))

    assert all(socket.connection.seqs() == [1, 2] for socket in sockets if socket is not cut)
    assert [frame["t"] for frame in cut.connection.frames()] == ["event", "gone"]


async def test_what_the_tail_has_is_not_read_from_the_store(world: World, hub: Hub) -> None:
    world.store.fill("c:1", 200)
    world.tail.logs["c:1"] = world.store.logs["c:1"][100:]
    first, second = await enter(hub), await enter(hub, 2)
    await join(world, hub, first, c_1=150)
    assert first.connection.seqs() == list(range(151, 201))
    assert world.store.reads == []
    await join(world, hub, second, c_1=40)
    assert second.connection.seqs() == list(range(41, 201))
    assert hub.stats.tail_reads == 1
