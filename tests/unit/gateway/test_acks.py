"""Messages for somebody: acknowledged, resent, handed over (docs/protocol.md, Acknowledgements)."""

import time
from typing import Any

import pytest

from apps.gateway import acks
from apps.gateway.hub import Hub
from tests.unit.gateway.doubles import World, event
from tests.unit.gateway.test_hub import Fake, enter, join, settle, until

ADA, BELA, CHE = 1, 2, 3


def say(world: World, seq: int, *, stream: str = "c:1", by: int = ADA, **body: Any) -> None:
    world.store.put(one := event(stream, seq, body={"sender_id": str(by), **body}))
    world.broadcast.events(one)


async def later(hub: Hub, seconds: float) -> None:
    hub.acks.sweep(time.monotonic() + seconds)
    await settle()


def ack(hub: Hub, socket: Fake, **places: int) -> None:
    """As session.Session takes it in."""
    acked = {name.replace("_", ":"): seq for name, seq in places.items()}
    socket.acked = (socket.acked or {}) | acked
    if socket.owed is not None:
        hub.acks.on_ack(socket, acked)


@pytest.mark.parametrize(
    ("stream", "body"),
    [
        ("c:1", {"mentioned": [str(BELA)]}),
        ("c:1", {"parent_sender_id": str(BELA)}),
        ("c:5", {}),
    ],
    ids=["mention", "reply", "dm"],
)
async def test_resent_once_and_then_handed_over(world: World, hub: Hub, stream: str, body: dict[str, Any]) -> None:
    world.direct.add(5)
    sender, reader, other = [await enter(hub, user) for user in (ADA, BELA, CHE)]
    for socket in (sender, reader) if stream == "c:5" else (sender, reader, other):
        await join(world, hub, socket, **{stream.replace(":", "_"): None})

    say(world, 1, stream=stream, **body)
    await settle()
    await later(hub, 4.9)
    assert reader.connection.seqs(stream) == [1]

    await later(hub, 5.1)
    assert reader.connection.seqs(stream) == [1, 1]
    await later(hub, 9.9)
    assert world.notified.unacknowledged == []

    await later(hub, 10.3)
    await later(hub, 20.0)
    assert world.notified.unacknowledged == [(BELA, stream, 1)]
    assert reader.connection.seqs(stream) == [1, 1]
    for socket in (sender, other):
        assert len(socket.connection.seqs(stream)) <= 1


async def test_what_concerns_nobody_here_costs_nothing(world: World, hub: Hub) -> None:
    socket = await enter(hub, BELA)
    await join(world, hub, socket, c_1=None)
    say(world, 1)
    say(world, 2, mentioned=["99"], mentions_all="channel")
    say(world, 3, by=BELA, mentioned=[str(BELA)])
    await settle()
    assert socket.owed is None
    await later(hub, 60)
    assert socket.connection.seqs() == [1, 2, 3]


async def test_a_bot_need_not_acknowledge(world: World, hub: Hub) -> None:
    socket = await enter(hub, BELA)
    socket.is_bot = True
    await join(world, hub, socket, c_1=None)
    say(world, 1, mentioned=[str(BELA)])
    await settle()
    await later(hub, 60)
    assert socket.connection.seqs() == [1]
    assert world.notified.unacknowledged == []


async def test_acknowledged_is_recorded_and_goes_nowhere_else(world: World, hub: Hub) -> None:
    socket = await enter(hub, BELA)
    await join(world, hub, socket, c_1=None)
    for seq in (1, 2, 3):
        say(world, seq, mentioned=[str(BELA)])
    say(world, 4)
    await settle()
    ack(hub, socket, c_1=2)
    await later(hub, 1)
    assert world.notified.seen == {BELA: {"c:1": 2}}
    await later(hub, 6)
    assert socket.connection.seqs() == [1, 2, 3, 4, 3]
    ack(hub, socket, c_1=4)
    await later(hub, 60)
    assert world.notified.seen == {BELA: {"c:1": 3}}
    assert world.notified.unacknowledged == []
    assert socket.owed is None


async def test_one_device_that_saw_it_is_enough(world: World, hub: Hub) -> None:
    laptop, phone = await enter(hub, BELA), await enter(hub, BELA)
    for socket in (laptop, phone):
        await join(world, hub, socket, c_1=None)
    say(world, 1, mentioned=[str(BELA)])
    await settle()
    ack(hub, phone, c_1=1)
    await later(hub, 60)
    await later(hub, 120)
    assert laptop.connection.seqs() == [1]
    assert world.notified.unacknowledged == []


async def test_a_closed_socket_is_waited_for_and_then_given_up(world: World, hub: Hub) -> None:
    socket = await enter(hub, BELA, session="s")
    await join(world, hub, socket, c_1=None)
    say(world, 1, mentioned=[str(BELA)])
    await settle()
    hub.detach(socket)
    await later(hub, 4.9)
    assert world.notified.unacknowledged == []
    await later(hub, 5.1)
    assert world.notified.unacknowledged == [(BELA, "c:1", 1)]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "at another gateway"])
async def test_a_session_that_resumes_takes_its_debt_along(world: World, hub: Hub, *, elsewhere: bool) -> None:
    old = await enter(hub, BELA, session="s")
    await join(world, hub, old, c_1=None)
    say(world, 1, mentioned=[str(BELA)])
    say(world, 2, mentioned=[str(BELA)])
    say(world, 3, mentioned=[str(BELA)])
    await settle()
    other = world.make_hub("g2") if elsewhere else hub
    new = await enter(other, BELA, session="s")
    other.acks.resumed(new, {"c:1": 1})
    ack(other, new, c_1=2)  # it may come before the debt does
    await other.claim_session(new)
    await join(world, other, new, c_1=1)
    await until(lambda: new.owed is not None)
    assert old.connection.codes == [4409]

    await later(other, 1)
    assert world.notified.seen == {BELA: {"c:1": 2}}
    ack(other, new, c_1=3)
    await later(other, 60)
    await later(hub, 60)
    assert world.notified.seen == {BELA: {"c:1": 3}}
    assert world.notified.unacknowledged == []
    if elsewhere:
        await other.stop()


async def test_a_resume_acknowledges_what_it_names(world: World, hub: Hub) -> None:
    old = await enter(hub, BELA, session="s")
    await join(world, hub, old, c_1=None)
    say(world, 1, mentioned=[str(BELA)])
    await settle()
    hub.detach(old)
    new = await enter(hub, BELA, session="s")
    hub.acks.resumed(new, {"c:1": 1})
    await hub.claim_session(new)
    await later(hub, 60)
    assert new.owed is None
    assert world.notified.seen == {BELA: {"c:1": 1}}
    assert world.notified.unacknowledged == []


async def test_who_lost_the_right_is_told_of_nothing(world: World, hub: Hub) -> None:
    socket = await enter(hub, BELA)
    await join(world, hub, socket, c_1=None)
    say(world, 1, mentioned=[str(BELA)])
    await settle()
    hub.cut_socket(socket, ["c:1"])
    await later(hub, 60)
    assert world.notified.unacknowledged == []


async def test_a_socket_owes_no_more_than_a_limit(world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acks, "MAX_OWED", 3)
    socket = await enter(hub, BELA)
    await join(world, hub, socket, c_1=None)
    for seq in range(1, 6):
        say(world, seq, mentioned=[str(BELA)])
    await later(hub, 1)
    assert world.notified.unacknowledged == [(BELA, "c:1", 1), (BELA, "c:1", 2)]
    assert [owed.seq for owed in socket.owed or ()] == [3, 4, 5]


async def test_a_hand_over_that_fails_is_tried_again(world: World, hub: Hub) -> None:
    socket = await enter(hub, BELA, session="s")
    await join(world, hub, socket, c_1=None)
    say(world, 1, mentioned=[str(BELA)])
    await settle()
    hub.detach(socket)
    world.notified.down = True
    await later(hub, 5.1)
    world.notified.down = False
    await later(hub, 6)
    assert world.notified.unacknowledged == [(BELA, "c:1", 1)]


async def test_nothing_is_kept_back_when_the_gateway_ends(world: World, hub: Hub) -> None:
    socket = await enter(hub, BELA)
    await join(world, hub, socket, c_1=None)
    say(world, 1, mentioned=[str(BELA)])
    await settle()
    await hub.stop()
    assert world.notified.unacknowledged == [(BELA, "c:1", 1)]
