"""Who follows which thread."""

import asyncio
from typing import Any

import pytest

from apps.core.errors import InvalidError, NotFoundError
from apps.eventlog import streams
from apps.messaging import queries, tasks
from apps.messaging.actions import Posted, follow_thread, post_message, unfollow_thread
from apps.messaging.models import ThreadFollow
from tests.unit.messaging.conftest import Scene

pytestmark = pytest.mark.django_db(transaction=True)


async def followers(parent: Posted) -> set[int]:
    rows = ThreadFollow.objects.filter(thread_id=parent.message_id, following=True)
    return set(await asyncio.to_thread(lambda: list(rows.values_list("user_id", flat=True))))


async def followed_up(*posts: Posted) -> None:
    """The task as the sequencer hands it over, twice, as may happen."""
    for _ in range(2):
        abouts = [
            {
                "stream": streams.channel(posted.message.channel_id),
                "seq": posted.seq,
                "event_id": str(posted.message_id),
            }
            for posted in posts
            if posted.message is not None
        ]
        await asyncio.to_thread(tasks.follow_thread, abouts)


async def test_a_reply_brings_in_whom_it_concerns(scene: Scene, sequencing: Any) -> None:
    handle = await asyncio.to_thread(lambda: scene.team.member("admin").handle)
    parent = await post_message(actor=scene.owner, channel_id=scene.public, text="parent", wait=True)
    reply = await post_message(
        actor=scene.member, channel_id=scene.public, text=f"@{handle}?", thread_id=parent.message_id, wait=True
    )
    await followed_up(parent, reply)
    assert await followers(parent) == {scene.owner.user_id, scene.member.user_id, scene.admin.user_id}


async def test_who_left_comes_back_only_by_replying(scene: Scene, sequencing: Any) -> None:
    parent = await post_message(actor=scene.owner, channel_id=scene.public, text="parent", wait=True)
    await unfollow_thread(actor=scene.owner, message_id=parent.message_id)
    first = await post_message(
        actor=scene.member, channel_id=scene.public, text="one", thread_id=parent.message_id, wait=True
    )
    await followed_up(first)
    assert await followers(parent) == {scene.member.user_id}
    second = await post_message(
        actor=scene.owner, channel_id=scene.public, text="two", thread_id=parent.message_id, wait=True
    )
    await followed_up(second)
    assert await followers(parent) == {scene.member.user_id, scene.owner.user_id}


async def test_followed_threads_newest_reply_first(scene: Scene, sequencing: Any) -> None:
    parents = [
        await post_message(actor=scene.owner, channel_id=channel_id, text=f"p{n}", wait=True)
        for n, channel_id in enumerate((scene.public, scene.private, scene.public))
    ]
    for n in (2, 0, 1):
        reply = await post_message(
            actor=scene.member,
            channel_id=scene.private if n == 1 else scene.public,
            text=f"r{n}",
            thread_id=parents[n].message_id,
            wait=True,
        )
        await followed_up(reply)
    page = await queries.followed_threads(actor=scene.owner, workspace_id=scene.team.id, limit=2)
    assert [(thread.parent.text, thread.reply_count) for thread in page.results] == [("p1", 1), ("p0", 1)]
    rest = await queries.followed_threads(
        actor=scene.owner, workspace_id=scene.team.id, limit=2, cursor=page.next_cursor
    )
    assert ([thread.parent.text for thread in rest.results], rest.next_cursor) == (["p2"], None)
    await unfollow_thread(actor=scene.owner, message_id=parents[0].message_id)
    page = await queries.followed_threads(actor=scene.owner, workspace_id=scene.team.id)
    assert [thread.parent.text for thread in page.results] == ["p1", "p2"]
    assert list((await queries.followed_threads(actor=scene.guest, workspace_id=scene.team.id)).results) == []


async def test_following_needs_the_right_to_see_it(scene: Scene, sequencing: Any) -> None:
    parent = await post_message(actor=scene.owner, channel_id=scene.private, text="parent", wait=True)
    reply = await post_message(
        actor=scene.owner, channel_id=scene.private, text="r", thread_id=parent.message_id, wait=True
    )
    with pytest.raises(NotFoundError):
        await follow_thread(actor=scene.guest, message_id=parent.message_id)
    with pytest.raises(InvalidError):
        await follow_thread(actor=scene.member, message_id=reply.message_id)
    await follow_thread(actor=scene.member, message_id=parent.message_id)
    assert await followers(parent) == {scene.member.user_id}
