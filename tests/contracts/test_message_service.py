"""One suite for the Message Service, as calls in the process and over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from apps.accounts.principal import Principal
from apps.core.errors import (
    AppError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)
from apps.eventlog import registry as eventlog
from apps.eventlog.ports import LogUnavailableError
from apps.messaging import actions as messages
from apps.messaging import queries
from apps.messaging.backends.service_grpc import GrpcMessageService
from apps.messaging.backends.service_local import LocalMessageService
from apps.messaging.ports import MessageService
from apps.messaging.servicer import MessageServer
from tests.unit.messaging.conftest import *  # noqa: F403 - fixtures
from tests.unit.messaging.conftest import Scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["local", "grpc"])
async def service(request: pytest.FixtureRequest, sequencing: Any) -> AsyncIterator[MessageService]:
    made: MessageService
    if request.param == "local":
        made = LocalMessageService("")
        yield made
        await made.close()
        return
    servers = [MessageServer(), MessageServer()]
    ports = [server.bind("127.0.0.1", 0) for server in servers]
    for server in servers:
        await server.start()
    made = GrpcMessageService("grpc://" + ",".join(f"127.0.0.1:{port}" for port in ports))
    yield made
    await made.close()
    for server in servers:
        await server.stop(0)


async def texts(scene: Scene, channel_id: int | None = None) -> list[str]:
    page = await queries.history(actor=scene.owner, channel_id=channel_id or scene.public, limit=200)
    return [message.text for message in page.results][::-1]


async def until(scene: Scene, message_id: int, what: Callable[[Any], bool]) -> None:
    async with asyncio.timeout(5):
        while not what(await queries.message(actor=scene.owner, message_id=message_id)):
            await asyncio.sleep(0.01)


async def test_a_message_s_life(service: MessageService, scene: Scene) -> None:
    posted = await service.post(actor=scene.member, channel_id=scene.public, text="h\ti ﷽", client_msg_id="a")
    view = await queries.message(actor=scene.owner, message_id=posted.message_id)
    assert (view.text, view.sender_id, view.client_msg_id) == ("h\ti ﷽", str(scene.member.user_id), "a")
    assert abs(posted.timestamp - view.timestamp) < 1000
    await service.edit(actor=scene.member, message_id=posted.message_id, text="ho")
    await service.react(actor=scene.owner, message_id=posted.message_id, emoji="👍🏽", on=True)
    await until(scene, posted.message_id, lambda view: (view.text, len(view.reactions)) == ("ho", 1))
    await service.react(actor=scene.owner, message_id=posted.message_id, emoji="👍🏽", on=False)
    await service.delete(actor=scene.admin, message_id=posted.message_id)
    await until(scene, posted.message_id, lambda view: view.deleted and not view.reactions)


async def test_a_reply(service: MessageService, scene: Scene) -> None:
    parent = await service.post(actor=scene.member, channel_id=scene.public, text="parent")
    await until(scene, parent.message_id, lambda _: True)
    reply = await service.post(
        actor=scene.owner,
        channel_id=scene.public,
        text="reply",
        thread_id=parent.message_id,
        also_in_channel=True,
    )
    await until(scene, reply.message_id, lambda view: view.thread_id == str(parent.message_id) and view.also_in_channel)


async def test_a_repeat_is_the_original(service: MessageService, scene: Scene) -> None:
    first = await service.post(actor=scene.member, channel_id=scene.public, text="once", client_msg_id="x")
    again = await asyncio.gather(
        *(
            service.post(actor=scene.member, channel_id=scene.public, text="once", client_msg_id="x", retry=True)
            for _ in range(5)
        )
    )
    assert {posted.message_id for posted in again} == {first.message_id}
    assert await texts(scene) == ["once"]


async def test_many_at_once(service: MessageService, scene: Scene, settings: Any) -> None:
    settings.MESSAGE_RATE_PER_S = 10_000
    posts = await asyncio.gather(
        *(
            service.post(actor=scene.member, channel_id=scene.public, text=f"m{n}", client_msg_id=f"m{n}")
            for n in range(180)
        )
    )
    assert len({posted.message_id for posted in posts}) == 180
    for posted in posts:
        await until(scene, posted.message_id, lambda _: True)
    assert sorted(await texts(scene)) == sorted(f"m{n}" for n in range(180))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"text": ""}, InvalidError),
        ({"text": "x" * 12_001}, InvalidError),
        ({"text": "\ud800"}, InvalidError),
        ({"client_msg_id": "ä"}, InvalidError),
        ({"client_msg_id": ""}, InvalidError),
        ({"kind": "image"}, InvalidError),
        ({"also_in_channel": True}, InvalidError),
        ({"thread_id": 17}, NotFoundError),
        ({"channel_id": 5}, NotFoundError),
    ],
)
async def test_errors_are_the_same(
    service: MessageService, scene: Scene, change: dict[str, Any], kind: type[AppError]
) -> None:
    asked: dict[str, Any] = {"actor": scene.member, "channel_id": scene.public, "text": "x"} | change
    with pytest.raises(AppError) as caught:
        await service.post(**asked)
    with pytest.raises(AppError) as local:
        await messages.post_message(**asked)
    assert (type(caught.value), caught.value.problem()) == (kind, local.value.problem())
    assert await texts(scene) == []


async def test_rights_travel(service: MessageService, scene: Scene) -> None:
    reader = Principal(user_id=scene.member.user_id, is_bot=True, scopes=frozenset({"messages:read"}))
    with pytest.raises(ForbiddenError) as caught:
        await service.post(actor=reader, channel_id=scene.public, text="x")
    assert caught.value.extra == {"scope": "messages:write"}
    nothing = Principal(user_id=scene.member.user_id, scopes=frozenset())
    with pytest.raises(ForbiddenError):
        await service.react(actor=nothing, message_id=1, emoji="tada", on=True)
    with pytest.raises(NotFoundError):
        await service.post(actor=scene.guest, channel_id=scene.private, text="x")
    posted = await service.post(actor=scene.member, channel_id=scene.public, text="mine")
    await until(scene, posted.message_id, lambda _: True)
    with pytest.raises(ForbiddenError):
        await service.edit(actor=scene.owner, message_id=posted.message_id, text="theirs")
    with pytest.raises(NotFoundError):
        await service.delete(actor=scene.member, message_id=5)
    with pytest.raises(InvalidError):
        await service.react(actor=scene.member, message_id=posted.message_id, emoji="\ud800", on=True)
    with pytest.raises(InvalidError):
        await service.edit(actor=scene.member, message_id=posted.message_id, text="\udfff")


async def test_the_rate_is_limited(service: MessageService, scene: Scene, settings: Any) -> None:
    settings.MESSAGE_RATE_PER_S = 2
    with pytest.raises(RateLimitedError) as caught:  # noqa: PT012 - which of them is refused does not matter
        for _ in range(4):
            await service.post(actor=scene.member, channel_id=scene.public, text="x")
    assert caught.value.retry_after


async def test_the_log_down_is_unavailable(
    service: MessageService, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object) -> None:
        raise LogUnavailableError

    monkeypatch.setattr(eventlog.log(), "append", down)
    with pytest.raises(UnavailableError) as caught:
        await service.post(actor=scene.member, channel_id=scene.public, text="x", client_msg_id="c")
    assert caught.value.retry_after == 1


async def test_a_defect_tells_nothing(service: MessageService, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(**_: Any) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(messages, "post_message", broken)
    with pytest.raises((ZeroDivisionError, AppError)) as caught:
        await service.post(actor=scene.member, channel_id=scene.public, text="x")
    if isinstance(caught.value, AppError):
        assert caught.value.code == "internal"
        assert "secret" not in str(caught.value.problem())
