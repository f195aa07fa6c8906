"""What the read service makes of the log: counts that deletions, edits, own posts and joins leave right."""

import asyncio
from typing import Any

import pytest

from apps.conversations.actions.membership import add_members, join_channel, leave_channel
from apps.conversations.actions.open_dm import open_dm
from apps.core.errors import InvalidError, NotFoundError
from apps.messaging.actions import (
    Posted,
    add_reaction,
    delete_message,
    edit_message,
    follow_thread,
    post_message,
    remove_reaction,
)
from apps.reads import actions, activity, queries
from apps.reads.models import ChannelMention, Mention, ReactionNote
from tests.unit.messaging.conftest import Scene
from tests.unit.reads.conftest import Reading

pytestmark = pytest.mark.django_db(transaction=True)
THUMB = "👍"


async def post(scene: Scene, who: str, text: str = "hello", **more: Any) -> Posted:
    return await post_message(
        actor=getattr(scene, who), **{"channel_id": scene.public, "text": text, "wait": True, **more}
    )


async def state(scene: Scene, who: str, channel_id: int | None = None) -> tuple[int | None, int | None]:
    page = await queries.unreads(actor=getattr(scene, who), workspace_id=scene.team.id)
    found = next(state for scope, state in page.channels if scope.id == (channel_id or scene.public))
    return found.unread, found.mentions


async def thread_state(scene: Scene, who: str, parent: Posted) -> tuple[int | None, int | None]:
    page = await queries.unreads(actor=getattr(scene, who), workspace_id=scene.team.id)
    found = next(state for scope, state in page.threads if scope.id == parent.message_id)
    return found.unread, found.mentions


async def read(scene: Scene, who: str, n: int | None = None) -> None:
    await actions.move_marker_now(actor=getattr(scene, who), channel_id=scene.public, n=n)


def handle(scene: Scene, who: str) -> str:
    return scene.team.member(who).handle


async def test_who_posts_has_read_up_to_their_own_message(scene: Scene, reading: Reading) -> None:
    await read(scene, "member", 0)
    await post(scene, "owner")
    await post(scene, "member")
    await post(scene, "owner")
    await reading.through()
    assert await state(scene, "member") == (1, 0)


async def test_deleted_messages_leave_nothing(scene: Scene, reading: Reading) -> None:
    await read(scene, "member", 0)
    made = [await post(scene, "owner", f"@{await asyncio.to_thread(handle, scene, 'member')}") for _ in range(3)]
    await reading.through()
    assert await state(scene, "member") == (3, 3)
    for gone in (made[1], made[0]):
        await delete_message(actor=scene.owner, message_id=gone.message_id, wait=True)
    await reading.through()
    assert await state(scene, "member") == (1, 1)
    await actions.step_back(actor=scene.member, message_id=made[0].message_id)
    assert await state(scene, "member") == (1, 1)


async def test_mentions_are_counted_once_and_follow_edits(scene: Scene, reading: Reading) -> None:
    name = await asyncio.to_thread(handle, scene, "member")
    for who in ("member", "admin"):
        await read(scene, who, 0)
    both = await post(scene, "owner", f"@{name} and @channel")
    plain = await post(scene, "owner", "nobody")
    await post(scene, "owner", f"@{name}, @{name}!")
    await reading.through()
    assert (await state(scene, "member"), await state(scene, "admin")) == ((3, 2), (3, 1))
    await edit_message(actor=scene.owner, message_id=both.message_id, text=f"@{name} only", wait=True)
    await edit_message(actor=scene.owner, message_id=plain.message_id, text="@here", wait=True)
    await reading.through()
    assert (await state(scene, "member"), await state(scene, "admin")) == ((3, 3), (3, 1))
    assert await state(scene, "owner") == (0, 0), "who writes it is not mentioned by it"
    await read(scene, "member", 2)
    assert await state(scene, "member") == (1, 1)


async def test_naming_everyone_writes_one_row(scene: Scene, reading: Reading) -> None:
    await post(scene, "owner", "@channel")
    await reading.through()
    assert await asyncio.to_thread(ChannelMention.objects.count) == 1
    assert await asyncio.to_thread(Mention.objects.count) == 0


async def test_every_message_of_a_dm_is_for_you_also_the_first(scene: Scene, relaying: None, reading: Reading) -> None:
    channel, _ = await asyncio.to_thread(
        lambda: open_dm(actor=scene.owner, workspace_id=scene.team.id, user_ids=[scene.member.user_id])
    )
    await post(scene, "owner", channel_id=channel.pk)
    await reading.through()
    assert await state(scene, "member", channel.pk) == (1, 1)
    assert await state(scene, "owner", channel.pk) == (0, 0)


async def test_who_joins_begins_at_the_end(scene: Scene, relaying: None, reading: Reading) -> None:
    await post(scene, "owner")
    await post(scene, "owner", "@channel")
    await asyncio.to_thread(
        lambda: add_members(actor=scene.owner, channel_id=scene.public, user_ids=[scene.guest.user_id])
    )
    await post(scene, "owner", "welcome")
    await reading.through()
    await _joined(scene, "guest")
    await reading.through()
    assert await state(scene, "guest") == (1, 0)
    await asyncio.to_thread(lambda: leave_channel(actor=scene.member, channel_id=scene.public))
    await post(scene, "owner", "while away")
    await asyncio.to_thread(lambda: join_channel(actor=scene.member, channel_id=scene.public))
    await _joined(scene, "member")
    await reading.through()
    assert await state(scene, "member") == (0, 0)


async def _joined(scene: Scene, who: str) -> None:
    """The outbox is empty: its events are in the log."""
    from apps.eventlog.models import OutboxRow

    async with asyncio.timeout(10):
        while await asyncio.to_thread(OutboxRow.objects.exists):
            await asyncio.sleep(0.01)


async def test_threads_count_replies(scene: Scene, reading: Reading) -> None:
    name = await asyncio.to_thread(handle, scene, "member")
    parent = await post(scene, "owner")
    await follow_thread(actor=scene.member, message_id=parent.message_id)
    first = await post(scene, "owner", "one", thread_id=parent.message_id)
    await post(scene, "owner", f"@{name}", thread_id=parent.message_id)
    await reading.through()
    assert await thread_state(scene, "member", parent) == (2, 1)
    await delete_message(actor=scene.owner, message_id=first.message_id, wait=True)
    await reading.through()
    assert await thread_state(scene, "member", parent) == (1, 1)
    await post(scene, "member", "me", thread_id=parent.message_id)
    await reading.through()
    assert await thread_state(scene, "member", parent) == (0, 0)


async def test_a_service_that_begins_again_changes_nothing(scene: Scene, reading: Reading) -> None:
    name = await asyncio.to_thread(handle, scene, "member")
    await read(scene, "member", 0)
    made = [await post(scene, "owner", f"@{name}") for _ in range(4)]
    await post(scene, "member")
    await actions.step_back(actor=scene.member, message_id=made[1].message_id)
    await delete_message(actor=scene.owner, message_id=made[2].message_id, wait=True)
    await reading.through()
    before = await state(scene, "member")
    assert before == (2, 2)
    from apps.eventlog import registry as eventlog
    from apps.messaging import registry as messaging
    from apps.reads import service

    reader = await eventlog.log().reader(None)
    poll = await reader.poll(max_records=500, timeout_s=1)
    again = service.ReadService(eventlog.log(), messaging.store)
    await again.apply([item for record in poll.records if (item := service._item(record)) is not None])
    await reader.close()
    assert await state(scene, "member") == before


async def test_activity_shows_what_concerns_you_and_what_you_may_see(scene: Scene, reading: Reading) -> None:
    name = await asyncio.to_thread(handle, scene, "member")
    mine = await post(scene, "member", "mine")
    await post(scene, "owner", f"@{name} one")
    await post(scene, "owner", "@here two")
    secret = await post(scene, "owner", f"@{name} three", channel_id=scene.private)
    await add_reaction(actor=scene.owner, message_id=mine.message_id, emoji=THUMB, wait=True)
    await add_reaction(actor=scene.member, message_id=mine.message_id, emoji=THUMB, wait=True)
    await follow_thread(actor=scene.member, message_id=secret.message_id)
    await post(scene, "owner", "reply", channel_id=scene.private, thread_id=secret.message_id)
    await reading.through()

    async def seen(kind: str, **more: Any) -> list[str]:
        page = await activity.activity(actor=scene.member, workspace_id=scene.team.id, kind=kind, **more)
        return [f"{happening.emoji or ''}{happening.message.text}" for happening in page.results]

    assert await seen("mentions") == [f"@{name} three", "@here two", f"@{name} one"]
    first = await activity.activity(actor=scene.member, workspace_id=scene.team.id, limit=2)
    assert await seen("mentions", cursor=first.next_cursor) == [f"@{name} one"]
    assert await seen("reactions") == [f"{THUMB}mine"]
    assert await seen("threads") == [f"@{name} three"]
    await asyncio.to_thread(lambda: leave_channel(actor=scene.member, channel_id=scene.private))
    await remove_reaction(actor=scene.owner, message_id=mine.message_id, emoji=THUMB, wait=True)
    await reading.through()
    assert await seen("mentions") == ["@here two", f"@{name} one"]
    assert await seen("reactions") == []
    assert await seen("threads") == []
    assert not await asyncio.to_thread(ReactionNote.objects.exists)
    with pytest.raises(InvalidError):
        await seen("gossip")
    with pytest.raises(NotFoundError):
        await activity.activity(actor=scene.member, workspace_id=1)


async def test_posts_that_name_nobody_are_found_in_their_stream_and_not_one_by_one(
    scene: Scene, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reading.through()
    from apps.messaging import registry as messaging

    looked_up: list[int] = []
    locate = messaging.store().locate

    async def counted(message_id: int) -> Any:
        looked_up.append(message_id)
        return await locate(message_id)

    monkeypatch.setattr(messaging.store(), "locate", counted)
    await read(scene, "member", 0)
    for sender in ("owner", "member") * 3:
        await post_message(actor=getattr(scene, sender), channel_id=scene.public, text="hello")
    await reading.through()
    assert await state(scene, "member") == (0, 0)
    assert looked_up == []
