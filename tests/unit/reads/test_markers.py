"""Markers: forward only, but for the explicit step back."""

import asyncio
from typing import Any

import pytest

from apps.core.errors import ForbiddenError, InvalidError, NotFoundError
from apps.messaging.actions import Posted, delete_message, post_message
from apps.reads import actions, queries, registry
from apps.reads.models import Marker
from tests.unit.messaging.conftest import Scene

pytestmark = pytest.mark.django_db(transaction=True)


async def posts(scene: Scene, *whos: str, thread: Posted | None = None) -> list[Posted]:
    return [
        await post_message(
            actor=getattr(scene, who),
            channel_id=scene.public,
            text=f"by {who}",
            thread_id=None if thread is None else thread.message_id,
            wait=True,
        )
        for who in whos
    ]


async def unread(scene: Scene, who: str) -> int | None:
    page = await queries.unreads(actor=getattr(scene, who), workspace_id=scene.team.id)
    return next(state.unread for scope, state in page.channels if scope.id == scene.public)


async def marker(scene: Scene, who: str) -> tuple[int, int]:
    found = await asyncio.to_thread(queries.marker, getattr(scene, who).user_id, scene.public)
    assert found is not None
    return found.n, found.version


async def read(scene: Scene, who: str, n: int | None, version: int | None = None) -> None:
    await actions.move_marker_now(actor=getattr(scene, who), channel_id=scene.public, n=n, version=version)


async def test_a_marker_goes_forward_only_and_not_beyond_the_end(scene: Scene, sequencing: Any) -> None:
    await posts(scene, "owner", "owner", "owner")
    for n, expected in ((2, 2), (1, 2), (3, 3), (900, 3)):
        await read(scene, "member", n)
        assert (await marker(scene, "member"))[0] == expected
    assert await unread(scene, "member") == 0
    up_to = await asyncio.to_thread(
        lambda: queries.read_up_to(channel_id=scene.public, user_ids=[scene.member.user_id, scene.admin.user_id])
    )
    assert up_to == {scene.member.user_id: 3}


async def test_unread_from_here_is_a_step_back_that_older_moves_do_not_undo(scene: Scene, sequencing: Any) -> None:
    made = await posts(scene, "owner", "member", "owner", "member", "owner")
    await read(scene, "member", None)
    await actions.step_back(actor=scene.member, message_id=made[2].message_id)
    assert await marker(scene, "member") == (2, 1)
    assert await unread(scene, "member") == 2, "the own one among the three does not count"
    await read(scene, "member", 5, version=0)
    assert await marker(scene, "member") == (2, 1)
    await read(scene, "member", 3, version=1)
    assert await unread(scene, "member") == 1
    await read(scene, "member", 5, version=1)
    assert await unread(scene, "member") == 0


async def test_a_thread_has_its_own_marker(scene: Scene, sequencing: Any) -> None:
    (parent,) = await posts(scene, "owner")
    replies = await posts(scene, "owner", "member", "owner", thread=parent)
    there: dict[str, Any] = {"actor": scene.member, "channel_id": scene.public, "thread_id": parent.message_id}
    assert (await actions.move_marker_now(**there, n=7)).n == 3
    await actions.step_back(actor=scene.member, message_id=replies[1].message_id)
    moved = await actions.move_marker_now(**there, n=2)
    assert (moved.n, moved.version) == (2, 1)
    up_to = await asyncio.to_thread(
        lambda: queries.thread_read_up_to(thread_id=parent.message_id, user_ids=[scene.member.user_id])
    )
    assert up_to == {scene.member.user_id: 2}
    with pytest.raises(InvalidError):
        await actions.move_marker_now(**there | {"thread_id": replies[0].message_id}, n=1)


async def test_only_members_have_a_place(scene: Scene, sequencing: Any) -> None:
    made = await posts(scene, "owner")
    with pytest.raises(NotFoundError):
        await read(scene, "guest", 1)
    with pytest.raises(NotFoundError):
        await actions.step_back(actor=scene.guest, message_id=made[0].message_id)
    with pytest.raises(ForbiddenError):
        await actions.move_marker_now(actor=scene.admin, channel_id=scene.theirs, n=0)
    assert not await asyncio.to_thread(Marker.objects.exists)


async def test_everything_is_read_at_once(scene: Scene, sequencing: Any) -> None:
    await posts(scene, "owner", "owner")
    await post_message(actor=scene.owner, channel_id=scene.private, text="psst", wait=True)
    assert await actions.mark_all_read(actor=scene.member, workspace_id=scene.team.id) == 2
    assert await actions.mark_all_read(actor=scene.member, workspace_id=scene.team.id) == 0
    page = await queries.unreads(actor=scene.member, workspace_id=scene.team.id)
    assert all(state.unread == 0 for _, state in page.channels)


async def test_the_first_unread_message_is_found_at_any_distance(scene: Scene, sequencing: Any) -> None:
    made = await posts(scene, *["owner"] * 9)
    await posts(scene, "member", "member", thread=made[3])
    await delete_message(actor=scene.owner, message_id=made[0].message_id, wait=True)
    for n in range(9):
        await asyncio.to_thread(
            Marker.objects.update_or_create,
            user_id=scene.admin.user_id,
            scope_id=scene.public,
            defaults={"channel_id": scene.public, "n": n},
        )
        found = await queries.first_unread(actor=scene.admin, channel_id=scene.public)
        assert found == made[n].message_id
    await read(scene, "admin", None)
    assert await queries.first_unread(actor=scene.admin, channel_id=scene.public) is None


async def test_a_move_by_socket_is_written_behind(scene: Scene, sequencing: Any) -> None:
    await posts(scene, "owner", "owner")
    await actions.move_marker(actor=scene.member, channel_id=scene.public, n=1)
    await actions.move_marker(actor=scene.member, channel_id=scene.public, n=2)
    assert not await asyncio.to_thread(Marker.objects.exists)
    await registry.buffer().close()
    assert (await marker(scene, "member")) == (2, 0)
