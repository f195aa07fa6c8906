"""Hot channels: when the mode changes, and that a change loses and repeats nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.gateway import hot, stream
from apps.gateway.hub import Hub
from apps.gateway.session import Session
from tests.unit.gateway.doubles import ConnectionDouble, World, event
from tests.unit.gateway.test_hub import enter, join, publish, settle, until

LIMITS = hot.Limits(1000, 10)


def modes(*seconds: tuple[int, int], limits: hot.Limits = LIMITS) -> str:
    """p or h for each second, given (events, followers)."""
    gauge = hot.Gauge()
    return "".join("h" if gauge.tick(events, followers, limits) else "p" for events, followers in seconds)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([(20, 40)] * 20, "p" * 20),  # 800 a second
        ([(100, 9)] * 20, "p" * 20),  # too few followers, whatever they get
        ([(4, 100_000)] * 20, "p" * 20),  # slow enough to be read, however many read
        ([(500, 100)] + [(0, 100)] * 9, "p" + "h" * 9),  # one great burst
        ([(30, 40)] * 30, "pppp" + "h" * 26),  # 1,200 a second, of which the smoothed rate knows after four
    ],
    ids=["below", "few", "slow", "burst", "above"],
)
def test_when_a_stream_is_hot(seconds: list[tuple[int, int]], expected: str) -> None:
    assert modes(*seconds) == expected


def test_it_is_calm_only_when_it_stays_well_below() -> None:
    hot_for = [(100, 40)] * 10
    assert modes(*hot_for, *[(15, 40)] * 30)[-1] == "h"  # 600 a second would not make it hot, and does not make it calm
    calm = modes(*hot_for, *[(3, 40)] * 30)[len(hot_for) :]
    assert calm.startswith("h" * 10)
    assert calm.endswith("p")
    assert modes(*hot_for, *[(100, 2)] * 12)[-1] == "p"  # everyone has gone


def test_it_can_be_turned_off() -> None:
    assert "h" not in modes(*[(1000, 10_000)] * 50, limits=hot.Limits(0, 10))
    assert "h" not in modes(*[(1000, 10_000)] * 50, limits=hot.NEVER)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 200)), min_size=1, max_size=120))
def test_it_never_changes_back_at_once(seconds: list[tuple[int, int]]) -> None:
    shown = modes(*seconds)
    runs = [len(run) for run in shown.replace("hp", "h p").replace("ph", "p h").split()]
    kinds = [run[0] for run in shown.replace("hp", "h p").replace("ph", "p h").split()]
    for length, kind in list(zip(runs, kinds, strict=True))[1:-1]:
        assert length >= (10 if kind == "h" else 2)


# -- the hub


@pytest.fixture
def hub(world: World) -> Hub:
    return world.make_hub(hot_limits=hot.Limits(10, 2))


async def follow(world: World, hub: Hub, user_id: int) -> tuple[Session, ConnectionDouble]:
    socket = Session(hub)
    connection = ConnectionDouble(socket, hub)
    socket.bind(connection)
    socket.user_id, socket.principal = user_id, world.principal(f"user.{user_id}")
    hub.connected += 1
    await hub.attach(socket)
    await join(world, hub, socket, c_1=None)  # type: ignore[arg-type]  # all that is needed of a socket
    return socket, connection


def ask(socket: Session, after: int, tag: int = 1) -> None:
    socket.on_message(json.dumps({"t": "pull", "id": tag, "stream": "c:1", "after": after}).encode(), text=True)


async def heat(world: World, hub: Hub, upto: int, *, first: int = 1) -> None:
    """Until the stream is pulled; events first … upto were pushed."""
    for seq in range(first, upto + 1):
        world.store.put(event("c:1", seq))
    publish(world, *range(first, upto + 1))
    await settle()
    hub.tick += 1
    hub.pulling.watch_load()
    hub.tick += 1
    hub.pulling.watch_load()
    await settle()
    assert hub.streams["c:1"].pull is not None


async def calm(hub: Hub) -> None:
    for _ in range(40):
        hub.tick += 1
        hub.pulling.watch_load()
        await settle()
    assert hub.streams["c:1"].pull is None


def say(world: World, *seqs: int, **body: Any) -> None:
    told = [event("c:1", seq, body=body or None) for seq in seqs]
    world.store.put(*told)
    world.broadcast.events(*told)


def of(kind: str) -> Callable[[ConnectionDouble], list[dict[str, Any]]]:
    return lambda connection: [frame for frame in connection.frames() if frame["t"] == kind]


async def test_in_pull_mode_nothing_is_pushed_and_everything_is_there(world: World, hub: Hub) -> None:
    looking, away = [await follow(world, hub, user) for user in (1, 2)]
    await heat(world, hub, 50)
    for _, connection in (looking, away):
        assert connection.seqs() == list(range(1, 51))
        assert connection.frames()[-1] == {"t": "mode", "stream": "c:1", "mode": "pull", "seq": 50, "count": 50}

    say(world, *range(51, 61))
    await settle()
    assert looking[1].seqs()[-1] == 50
    ask(looking[0], 50)
    assert looking[1].seqs() == list(range(1, 61))
    assert looking[1].frames()[-1] == {
        "t": "pulled", "id": 1, "stream": "c:1", "seq": 60, "head": 60, "count": 60, "mode": "pull",
    }  # fmt: skip
    assert away[1].seqs()[-1] == 50
    assert world.store.reads == []


async def test_windows_that_do_not_pull_are_told_how_far_it_is_now_and_then(world: World, hub: Hub) -> None:
    looking, away = [await follow(world, hub, user) for user in (1, 2)]
    await heat(world, hub, 50)
    for second in range(4 * hot.HINT_EVERY_S):
        say(world, *range(51 + second * 50, 101 + second * 50))
        ask(looking[0], 50 + second * 50)
        hub.tick += 1
        hub.pulling.watch_load()
        await settle()
    hints = [frame["data"] for frame in of("signal")(away[1])]
    assert 3 <= len(hints) <= 4
    assert all(hint["seq"] == hint["count"] and hint["seq"] % 50 == 0 for hint in hints)
    assert of("signal")(looking[1]) == []
    assert away[1].seqs()[-1] == 50


async def test_a_change_and_back_loses_and_repeats_nothing(world: World, hub: Hub) -> None:
    looking, away = [await follow(world, hub, user) for user in (1, 2)]
    await heat(world, hub, 50)
    say(world, *range(51, 61))
    ask(looking[0], 50)
    for _ in range(36):  # the window goes on asking while it gets calm
        hub.tick += 1
        hub.pulling.watch_load()
        if hub.streams["c:1"].pull is None:
            break
        hub.streams["c:1"].pull.upto_at = 0
        ask(looking[0], looking[1].seqs()[-1])
        say(world, hub.streams["c:1"].seq + 1)  # type: ignore[operator]  # it is known
    await settle()
    last = hub.streams["c:1"].seq
    assert last
    say(world, last + 1)
    await settle()
    assert looking[1].seqs() == list(range(1, last + 2))
    change = of("mode")(looking[1])[-1]
    assert change == {"t": "mode", "stream": "c:1", "mode": "push", "seq": last, "count": last}
    # The other sees by the seq that it lacks something, and gets it by asking.
    assert of("mode")(away[1])[-1] == change
    assert away[1].seqs() == [*range(1, 51), last + 1]
    ask(away[0], 50)
    assert away[1].seqs() == [*range(1, 51), last + 1, *range(51, last + 2)]


async def test_what_somebody_must_not_miss_reaches_them_at_once(world: World, hub: Hub) -> None:
    bela, che = [await follow(world, hub, user) for user in (2, 3)]
    await heat(world, hub, 50)
    say(world, 51, sender_id="1")
    say(world, 52, sender_id="1", mentioned=["2"])
    await settle()
    assert bela[1].seqs()[-1] == 52
    assert che[1].seqs()[-1] == 50
    ask(bela[0], 50)
    assert bela[1].seqs()[-3:] == [52, 51, 52]


async def test_answers_end_at_the_same_place_for_a_moment(world: World, hub: Hub) -> None:
    sockets = [await follow(world, hub, user) for user in range(1, 6)]
    await heat(world, hub, 50)
    say(world, *range(51, 61))
    for socket, _ in sockets[:3]:
        ask(socket, 50)
    say(world, 61)
    ask(sockets[3][0], 50)
    assert sockets[3][1].seqs()[-1] == 60
    blobs = {id(next(w for w in reversed(connection.writes) if len(w) > 500)) for _, connection in sockets[:4]}
    assert len(blobs) == 1
    ask(sockets[4][0], 60)  # nothing yet
    assert sockets[4][1].frames()[-1] == {
        "t": "pulled", "id": 1, "stream": "c:1", "seq": 60, "head": 61, "count": 61, "mode": "pull",
    }  # fmt: skip


async def test_a_long_way_behind_is_given_in_parts(world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot, "MAX_PULL_EVENTS", 20)
    (socket, connection), _ = [await follow(world, hub, user) for user in (1, 2)]
    await heat(world, hub, 50)
    say(world, *range(51, 101))
    for after in (50, 70, 90):
        ask(socket, after)
    assert connection.seqs() == list(range(1, 101))
    assert [(frame["seq"], frame["head"]) for frame in of("pulled")(connection)] == [(70, 100), (90, 100), (100, 100)]


async def test_one_read_of_the_store_for_all_whom_the_ring_does_not_reach(
    world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PULL_RING_EVENTS", 30)
    sockets = [await follow(world, hub, user) for user in range(1, 21)]
    await heat(world, hub, 50)
    say(world, *range(51, 151))
    for socket, _ in sockets:
        ask(socket, 50)
    monkeypatch.setattr(stream, "PULL_RING_EVENTS", 4096)  # else what is read would not fit
    await until(lambda: all(of("pulled")(connection) for _, connection in sockets))
    assert all(connection.seqs() == list(range(1, 151)) for _, connection in sockets)
    assert len(world.store.reads) == 1


async def test_too_far_behind_is_a_resync(world: World, hub: Hub) -> None:
    (socket, connection), _ = [await follow(world, hub, user) for user in (1, 2)]
    await heat(world, hub, 50)
    for first in range(51, 5500, 500):
        say(world, *range(first, first + 500))
    last = hub.streams["c:1"].seq
    ask(socket, 50)
    await until(lambda: bool(of("pulled")(connection)))
    assert of("resync")(connection) == [{"t": "resync", "stream": "c:1", "seq": last}]
    assert of("pulled")(connection)[-1]["seq"] == last
    assert connection.seqs()[-1] == 50
    assert hub.streams["c:1"].ring_bytes <= stream.PULL_RING_BYTES
    assert len(hub.streams["c:1"].ring or ()) <= stream.PULL_RING_EVENTS


async def test_a_stream_that_is_not_followed_is_not_pulled(world: World, hub: Hub) -> None:
    socket, connection = await follow(world, hub, 1)
    socket.on_message(b'{"t":"pull","id":9,"stream":"c:2","after":0}', text=True)
    assert connection.frames()[-1]["code"] == "not_found"
    await heat_alone(world, hub)
    hub.cut_socket(socket, ["c:1"])
    ask(socket, 0)
    assert connection.frames()[-1]["code"] == "not_found"


async def heat_alone(world: World, hub: Hub) -> None:
    await follow(world, hub, 2)
    await heat(world, hub, 50)


async def test_who_joins_a_hot_stream_is_told_the_mode(world: World, hub: Hub) -> None:
    await follow(world, hub, 1)
    await heat_alone(world, hub)
    late = await enter(hub, 9)
    places = await join(world, hub, late, c_1=40)
    assert places["c:1"].mode == "pull"
    assert late.connection.seqs() == list(range(41, 51))
    say(world, 51)
    await settle()
    assert late.connection.seqs()[-1] == 50


async def test_pushed_streams_answer_a_pull_too(world: World, hub: Hub) -> None:
    socket, connection = await follow(world, hub, 1)
    publish(world, 1, 2)
    ask(socket, 0)
    await settle()
    assert connection.seqs() == [1, 2]  # those that wait to be pushed are not given twice
    ask(socket, 0)
    assert connection.seqs() == [1, 2, 1, 2]
