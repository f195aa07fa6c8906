"""What people do with messages, through the real log, sequencer and store."""

import asyncio
from typing import Any

import pytest

from apps.accounts.principal import Principal
from apps.conversations.actions.update_channel import archive_channel
from apps.core import ids
from apps.core.errors import (
    AppError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)
from apps.eventlog import registry as eventlog
from apps.eventlog import streams
from apps.eventlog.backends.tail_none import NoTail
from apps.eventlog.ports import LogUnavailableError
from apps.messaging import queries
from apps.messaging import registry as messaging
from apps.messaging.actions import (
    add_reaction,
    delete_message,
    edit_message,
    post_message,
    remove_reaction,
)
from tests.unit.messaging.conftest import Scene

pytestmark = pytest.mark.django_db(transaction=True)


async def texts(scene: Scene, channel_id: int | None = None) -> list[str]:
    page = await queries.history(actor=scene.owner, channel_id=channel_id or scene.public, limit=200)
    return [message.text for message in page.results][::-1]


async def test_a_post_that_waits_can_be_read(scene: Scene, sequencing: Any) -> None:
    posted = await post_message(
        actor=scene.member, channel_id=scene.public, text="Hi *all* \x01 \r\n ﷽ ", client_msg_id="a-1", wait=True
    )
    assert posted.sequenced
    assert posted.message is not None
    view = await queries.message(actor=scene.owner, message_id=posted.message_id)
    assert view == (await queries.views([posted.message]))[0]
    assert (view.text, view.seq, view.n) == ("Hi *all* \x01 \r\n ﷽ ", posted.seq, 1)
    assert (view.sender_id, view.client_msg_id, view.timestamp) == (
        str(scene.member.user_id),
        "a-1",
        posted.timestamp,
    )
    assert view.html is not None
    assert "<em>all</em>" in view.html


async def test_what_is_stored_is_sealed(scene: Scene, sequencing: Any) -> None:
    posted = await post_message(actor=scene.member, channel_id=scene.public, text="needle", wait=True)
    (event,) = await messaging.store().events(streams.channel(scene.public), after=(posted.seq or 0) - 1, limit=1)
    assert b"needle" not in (event.envelope.sealed or b"needle")
    assert b"needle" not in event.envelope.body


async def test_a_repeat_is_the_original(scene: Scene, sequencing: Any) -> None:
    first = await post_message(actor=scene.member, channel_id=scene.public, text="once", client_msg_id="x", wait=True)
    await edit_message(actor=scene.member, message_id=first.message_id, text="once, edited", wait=True)
    repeats: list[dict[str, Any]] = [{"wait": True}, {"retry": True}]
    for options in repeats:
        again = await post_message(
            actor=scene.member, channel_id=scene.public, text="once", client_msg_id="x", **options
        )
        assert (again.message_id, again.timestamp, again.seq, again.sequenced) == (
            first.message_id,
            first.timestamp,
            first.seq,
            True,
        )
        assert again.message is not None
        assert (await queries.views([again.message]))[0].text == "once, edited"
    other = await post_message(actor=scene.owner, channel_id=scene.public, text="twice", client_msg_id="x", wait=True)
    assert other.message_id != first.message_id
    assert await texts(scene) == ["once, edited", "twice"]


async def test_repeats_at_once_become_one_message(scene: Scene, sequencing: Any) -> None:
    posts = await asyncio.gather(
        *(
            post_message(actor=scene.member, channel_id=scene.public, text="once", client_msg_id="y", retry=True)
            for _ in range(8)
        )
    )
    assert len({posted.message_id for posted in posts}) == 1
    assert await texts(scene) == ["once"]


async def test_a_post_that_is_not_sequenced_in_time_is_durable(scene: Scene, rooms: Any, settings: Any) -> None:
    settings.SEQUENCED_DEADLINE_S = 0.2
    posted = await post_message(actor=scene.member, channel_id=scene.public, text="later", wait=True)
    assert (posted.sequenced, posted.seq, posted.message) == (False, None, None)
    assert posted.timestamp == ids.timestamp_ms(posted.message_id)


async def test_waiting_works_without_the_broadcast(
    scene: Scene, sequencing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis is down, or the one batch was lost: the store tells."""

    async def lost(batch: object) -> None:
        return None

    monkeypatch.setattr(eventlog.broadcast(), "publish", lost)
    first = await post_message(actor=scene.member, channel_id=scene.public, text="quiet", client_msg_id="z", wait=True)
    assert first.sequenced
    assert first.message is not None
    again = await post_message(actor=scene.member, channel_id=scene.public, text="quiet", client_msg_id="z", wait=True)
    assert (again.message_id, again.seq) == (first.message_id, first.seq)


async def test_the_log_down_is_unavailable(scene: Scene, rooms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(*_: object) -> None:
        raise LogUnavailableError

    monkeypatch.setattr(eventlog.log(), "append", down)
    with pytest.raises(UnavailableError) as caught:
        await post_message(actor=scene.member, channel_id=scene.public, text="x", wait=True)
    assert caught.value.retry_after == 1


async def test_threads(scene: Scene, sequencing: Any) -> None:
    parent = await post_message(actor=scene.owner, channel_id=scene.public, text="parent", wait=True)
    hidden = await post_message(
        actor=scene.member, channel_id=scene.public, text="hidden", thread_id=parent.message_id, wait=True
    )
    shown = await post_message(
        actor=scene.member,
        channel_id=scene.public,
        text="shown",
        thread_id=parent.message_id,
        also_in_channel=True,
        wait=True,
    )
    assert await texts(scene) == ["parent", "shown"]
    page = await queries.replies(actor=scene.owner, message_id=parent.message_id, limit=1)
    assert [reply.text for reply in page.results] == ["hidden"]
    assert (page.parent.reply_count, page.parent.last_reply_at) == (2, shown.timestamp)
    rest = await queries.replies(actor=scene.owner, message_id=parent.message_id, cursor=page.next_cursor)
    assert [(reply.text, reply.thread_n, reply.also_in_channel) for reply in rest.results] == [("shown", 2, True)]
    assert rest.next_cursor is None
    with pytest.raises(InvalidError):
        await post_message(actor=scene.owner, channel_id=scene.public, text="x", thread_id=hidden.message_id)
    with pytest.raises(NotFoundError):
        await post_message(actor=scene.owner, channel_id=scene.private, text="x", thread_id=parent.message_id)
    with pytest.raises(NotFoundError):
        await queries.replies(actor=scene.owner, message_id=hidden.message_id)


async def test_a_reply_to_a_message_just_posted_waits_for_it(scene: Scene, sequencing: Any) -> None:
    parent = await post_message(actor=scene.owner, channel_id=scene.public, text="parent")
    reply = await post_message(
        actor=scene.member, channel_id=scene.public, text="reply", thread_id=parent.message_id, wait=True
    )
    assert reply.message is not None
    assert reply.message.thread_id == parent.message_id


async def test_edits_keep_their_history(scene: Scene, sequencing: Any) -> None:
    posted = await post_message(actor=scene.member, channel_id=scene.public, text="one", wait=True)
    edited = await edit_message(actor=scene.member, message_id=posted.message_id, text="**two**", wait=True)
    view = await queries.message(actor=scene.owner, message_id=posted.message_id)
    assert view == (await queries.views([edited]))[0]
    assert view.edited_at is not None
    found = await queries.versions(actor=scene.owner, message_id=posted.message_id)
    assert [(version.text, version.editor_id) for version in found] == [
        ("one", str(scene.member.user_id)),
        ("**two**", str(scene.member.user_id)),
    ]
    assert [version.edited_at for version in found] == [view.timestamp, view.edited_at]
    for other in (scene.owner, scene.admin):
        with pytest.raises(ForbiddenError):
            await edit_message(actor=other, message_id=posted.message_id, text="mine now")
    with pytest.raises(NotFoundError):
        await edit_message(actor=scene.guest, message_id=posted.message_id, text="mine now")
    assert (await queries.message(actor=scene.owner, message_id=posted.message_id)).text == "**two**"


async def test_deletion(scene: Scene, sequencing: Any) -> None:
    mine = await post_message(actor=scene.member, channel_id=scene.public, text="mine", wait=True)
    theirs = await post_message(actor=scene.owner, channel_id=scene.public, text="theirs", wait=True)
    with pytest.raises(ForbiddenError):
        await delete_message(actor=scene.member, message_id=theirs.message_id)
    await delete_message(actor=scene.member, message_id=mine.message_id, wait=True)
    await delete_message(actor=scene.admin, message_id=theirs.message_id, wait=True)
    for posted in (mine, theirs):
        view = await queries.message(actor=scene.owner, message_id=posted.message_id)
        assert (view.deleted, view.text, view.html, view.mentions) == (True, "", None, [])
        assert await queries.versions(actor=scene.owner, message_id=posted.message_id) == []
        author = scene.member if posted is mine else scene.owner
        with pytest.raises(NotFoundError):
            await edit_message(actor=author, message_id=posted.message_id, text="back")
        with pytest.raises(NotFoundError):
            await delete_message(actor=scene.owner, message_id=posted.message_id)
        with pytest.raises(NotFoundError):
            await post_message(actor=scene.owner, channel_id=scene.public, text="x", thread_id=posted.message_id)


async def test_reactions(scene: Scene, sequencing: Any) -> None:
    posted = await post_message(actor=scene.member, channel_id=scene.public, text="hi", wait=True)
    for actor, emoji in ((scene.owner, "👍"), (scene.member, "tada"), (scene.member, "👍"), (scene.owner, "👍")):
        await add_reaction(actor=actor, message_id=posted.message_id, emoji=emoji, wait=True)
    view = await queries.message(actor=scene.owner, message_id=posted.message_id)
    owner, member = str(scene.owner.user_id), str(scene.member.user_id)
    assert [(found.emoji, found.user_ids) for found in view.reactions] == [("👍", [owner, member]), ("tada", [member])]
    await remove_reaction(actor=scene.owner, message_id=posted.message_id, emoji="👍", wait=True)
    view = await queries.message(actor=scene.owner, message_id=posted.message_id)
    assert [(found.emoji, found.user_ids) for found in view.reactions] == [("👍", [member]), ("tada", [member])][::-1]


async def test_reactions_are_bounded(scene: Scene, sequencing: Any, settings: Any) -> None:
    settings.MESSAGE_EMOJI_MAX = 2
    posted = await post_message(actor=scene.member, channel_id=scene.public, text="hi", wait=True)
    for emoji in ("👍", "🎉"):
        await add_reaction(actor=scene.owner, message_id=posted.message_id, emoji=emoji, wait=True)
    with pytest.raises(ConflictError):
        await add_reaction(actor=scene.owner, message_id=posted.message_id, emoji="👀")
    await add_reaction(actor=scene.member, message_id=posted.message_id, emoji="🎉", wait=True)


async def test_mentions_are_resolved_at_the_post(scene: Scene, sequencing: Any) -> None:
    handle = await asyncio.to_thread(lambda: scene.team.member("admin").handle)
    posted = await post_message(
        actor=scene.member, channel_id=scene.public, text=f"@{handle}, @here: `@{handle}` @nobody", wait=True
    )
    assert posted.message is not None
    (view,) = await queries.views([posted.message])
    assert [(found.kind, found.handle, found.user_id) for found in view.mentions] == [
        ("user", handle, str(scene.admin.user_id)),
        ("here", "here", None),
    ]
    assert view.html is not None
    assert f'data-user-id="{scene.admin.user_id}"' in view.html
    assert f"<code>@{handle}</code>" in view.html


# -- what may not be done changes nothing


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"text": ""}, InvalidError),
        ({"text": " \t\n"}, InvalidError),
        ({"text": "a\0b"}, InvalidError),
        ({"text": "x" * 12_001}, InvalidError),
        ({"text": "\ud800"}, InvalidError),
        ({"text": 7}, InvalidError),
        ({"kind": "poll"}, InvalidError),
        ({"client_msg_id": ""}, InvalidError),
        ({"client_msg_id": "x" * 65}, InvalidError),
        ({"client_msg_id": "é"}, InvalidError),
        ({"client_msg_id": "a\n"}, InvalidError),
        ({"also_in_channel": True}, InvalidError),
        ({"thread_id": 1}, NotFoundError),
        ({"channel_id": 1}, NotFoundError),
        ({"channel_id": 1 << 62}, NotFoundError),
    ],
)
async def test_bad_posts(scene: Scene, sequencing: Any, change: dict[str, Any], error: type[AppError]) -> None:
    values: dict[str, Any] = {"actor": scene.member, "channel_id": scene.public, "text": "hi"} | change
    with pytest.raises(error):
        await post_message(**values)
    assert await texts(scene) == []


async def test_who_may_not_post(scene: Scene, sequencing: Any) -> None:
    reader = Principal(user_id=scene.member.user_id, is_bot=True, scopes=frozenset({"messages:read"}))
    with pytest.raises(ForbiddenError):
        await post_message(actor=reader, channel_id=scene.public, text="x")
    with pytest.raises(NotFoundError):
        await post_message(actor=scene.guest, channel_id=scene.private, text="x")
    with pytest.raises(NotFoundError):
        await post_message(actor=scene.guest, channel_id=scene.public, text="x")
    with pytest.raises(ForbiddenError):
        await post_message(actor=scene.admin, channel_id=scene.theirs, text="x")
    await asyncio.to_thread(archive_channel, actor=scene.owner, channel_id=scene.public)
    with pytest.raises(ForbiddenError):
        await post_message(actor=scene.member, channel_id=scene.public, text="x")
    assert await texts(scene) == []
    assert await texts(scene, scene.private) == []


async def test_who_may_not_touch_or_read(scene: Scene, sequencing: Any) -> None:
    posted = await post_message(actor=scene.member, channel_id=scene.private, text="hidden", wait=True)
    attempts = (
        lambda actor: edit_message(actor=actor, message_id=posted.message_id, text="x"),
        lambda actor: delete_message(actor=actor, message_id=posted.message_id),
        lambda actor: add_reaction(actor=actor, message_id=posted.message_id, emoji="👍"),
        lambda actor: remove_reaction(actor=actor, message_id=posted.message_id, emoji="👍"),
        lambda actor: queries.message(actor=actor, message_id=posted.message_id),
        lambda actor: queries.versions(actor=actor, message_id=posted.message_id),
        lambda actor: queries.replies(actor=actor, message_id=posted.message_id),
        lambda actor: queries.history(actor=actor, channel_id=scene.private),
    )
    for attempt in attempts:
        with pytest.raises(NotFoundError):
            await attempt(scene.guest)
    view = await queries.message(actor=scene.owner, message_id=posted.message_id)
    assert (view.text, view.edited_at, view.deleted, view.reactions) == ("hidden", None, False, [])


async def test_unknown_messages(scene: Scene, sequencing: Any) -> None:
    for message_id in (0, -1, 1, 1 << 62, 1 << 63):
        with pytest.raises(NotFoundError):
            await queries.message(actor=scene.owner, message_id=message_id)


@pytest.mark.parametrize("emoji", ["", "a", "A", "Tada", "👍 ", "é", "<b>", "x" * 65, "1", "\u200d\n", "字", "👍" * 17])
async def test_what_is_no_emoji(scene: Scene, rooms: Any, emoji: str) -> None:
    with pytest.raises(InvalidError):
        await add_reaction(actor=scene.owner, message_id=1, emoji=emoji)


@pytest.mark.parametrize("emoji", ["👍🏽", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "ℹ️", "❤️", "‼️", "↔️", "🇩🇪", "+1", "tada", "o_o", "☺"])
async def test_what_is_an_emoji(scene: Scene, rooms: Any, emoji: str) -> None:
    with pytest.raises(NotFoundError):
        await add_reaction(actor=scene.owner, message_id=1, emoji=emoji)


async def test_more_than_fifty_a_second(scene: Scene, rooms: Any) -> None:
    async def post() -> bool:
        try:
            await post_message(actor=scene.member, channel_id=scene.public, text="x")
        except RateLimitedError as error:
            assert error.retry_after is not None
            return False
        return True

    done = await asyncio.gather(*(post() for _ in range(120)))
    assert 50 <= sum(done) < 120
    await post_message(actor=scene.owner, channel_id=scene.public, text="others may")


# -- history


async def test_history_pages_and_finds_its_way_around(scene: Scene, sequencing: Any, settings: Any) -> None:
    settings.MESSAGE_RATE_PER_S = 1000
    posts = [
        await post_message(actor=scene.member, channel_id=scene.public, text=f"m{n}", wait=n == 19) for n in range(20)
    ]

    async def page(**where: Any) -> tuple[list[str], str | None, str | None]:
        found = await queries.history(actor=scene.owner, channel_id=scene.public, **where)
        assert found.count == 20
        assert found.seq >= 20
        return [message.text for message in found.results], found.older, found.newer

    names = [f"m{n}" for n in range(19, -1, -1)]
    results, older, newer = await page(limit=8)
    assert (results, newer) == (names[:8], None)
    results, older, newer = await page(limit=8, before=older)
    assert results == names[8:16]
    assert newer is not None
    results, older, _ = await page(limit=8, before=older)
    assert (results, older) == (names[16:], None)
    results, _, newer = await page(limit=8, after=newer)
    assert (results, newer) == (names[:8], None)
    results, older, newer = await page(limit=5, around=str(posts[10].message_id))
    assert results == ["m12", "m11", "m10", "m9", "m8"]
    assert (await page(limit=2, before=older))[0] == ["m7", "m6"]
    assert (await page(limit=2, after=newer))[0] == ["m14", "m13"]
    results, _, newer = await page(limit=4, around=str(posts[19].message_id))
    assert (results, newer) == (["m19", "m18"], None)
    results, older, newer = await page(limit=3, before=str(posts[2].message_id))
    assert (results, older) == (["m1", "m0"], None)
    results, older, newer = await page(limit=3, after=str(posts[17].message_id))
    assert (results, newer) == (["m19", "m18"], None)


async def test_bad_cursors(scene: Scene, sequencing: Any) -> None:
    posted = await post_message(actor=scene.member, channel_id=scene.private, text="x", wait=True)
    await post_message(actor=scene.member, channel_id=scene.public, text="x", wait=True)
    for bad in ("nonsense", "123", "W10", str(posted.message_id), "9" * 19, "WzEsLTFd", "WzEuNSwxXQ"):
        for name in ("before", "after", "around"):
            where: dict[str, Any] = {name: bad}
            with pytest.raises(InvalidError):
                await queries.history(actor=scene.owner, channel_id=scene.public, **where)
    with pytest.raises(InvalidError):
        await queries.history(actor=scene.owner, channel_id=scene.public, before="WzEsMV0", after="WzEsMV0")


async def test_an_empty_channel(scene: Scene, sequencing: Any) -> None:
    page = await queries.history(actor=scene.owner, channel_id=scene.private)
    assert (list(page.results), page.older, page.newer) == ([], None, None)


async def test_the_store_down_is_unavailable(scene: Scene, rooms: Any) -> None:
    await messaging.store().close()
    with pytest.raises(UnavailableError) as caught:
        await queries.history(actor=scene.owner, channel_id=scene.public)
    assert caught.value.retry_after == 1


async def test_the_newest_messages_from_the_newest_events(
    scene: Scene, sequencing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = [
        await post_message(actor=scene.member, channel_id=scene.public, text=text, wait=True) for text in "abc"
    ]
    for also in (False, True):
        reply = await post_message(
            actor=scene.owner,
            channel_id=scene.public,
            text="re",
            thread_id=first.message_id,
            also_in_channel=also,
            wait=True,
        )
    await edit_message(actor=scene.member, message_id=second.message_id, text="b!", wait=True)
    await add_reaction(actor=scene.owner, message_id=second.message_id, emoji="👍", wait=True)
    await add_reaction(actor=scene.admin, message_id=second.message_id, emoji="👍", wait=True)
    await remove_reaction(actor=scene.owner, message_id=second.message_id, emoji="👍", wait=True)
    await delete_message(actor=scene.member, message_id=third.message_id, wait=True)
    stored = await queries.history(actor=scene.owner, channel_id=scene.public)
    events = await messaging.store().events(streams.channel(scene.public), after=0, limit=200)

    class Tail(NoTail):
        async def newest(self, _stream: str, *, limit: int) -> Any:
            return events[-limit:]

    monkeypatch.setattr(queries, "tail", Tail)
    await messaging.store().close()
    found = await queries.history(actor=scene.owner, channel_id=scene.public)
    assert [view for view in found.results if int(view.message_id) >= first.message_id] == [
        view for view in stored.results if int(view.message_id) >= first.message_id
    ]
    assert found.results[0].message_id == str(reply.message_id)
    assert (found.partial, found.seq, found.count) == (True, stored.seq, stored.count)
    with pytest.raises(UnavailableError):
        await queries.history(actor=scene.owner, channel_id=scene.public, before=found.older)


# -- events


async def test_events_look_as_the_protocol_says(scene: Scene, sequencing: Any) -> None:
    posted = await post_message(
        actor=scene.member, channel_id=scene.public, text="**hi**", client_msg_id="c1", wait=True
    )
    await edit_message(actor=scene.member, message_id=posted.message_id, text="ho", wait=True)
    await add_reaction(actor=scene.owner, message_id=posted.message_id, emoji="👍", wait=True)
    await remove_reaction(actor=scene.owner, message_id=posted.message_id, emoji="👍", wait=True)
    await delete_message(actor=scene.member, message_id=posted.message_id, wait=True)
    stream = streams.channel(scene.public)
    events = [e for e in await messaging.store().events(stream, after=0, limit=50) if e.seq >= (posted.seq or 0)]
    await queries.warm_keys(events)
    assert queries.keys_warmed(events)
    frames = [queries.present_event(event) for event in events]
    assert [frame["type"] for frame in frames] == [
        "message.posted",
        "message.edited",
        "reaction.added",
        "reaction.removed",
        "message.deleted",
    ]
    message_id, channel_id = str(posted.message_id), str(scene.public)
    where = {"message_id": message_id, "channel_id": channel_id, "thread_id": None}
    member, owner = str(scene.member.user_id), str(scene.owner.user_id)
    assert frames[0] == {
        "t": "event",
        "stream": stream,
        "seq": posted.seq,
        "count": 1,
        "type": "message.posted",
        "actor_id": member,
        "timestamp": posted.timestamp,
        "data": {
            **where,
            "seq": posted.seq,
            "n": 1,
            "sender_id": member,
            "type": "text",
            "text": "**hi**",
            "html": "<p><strong>hi</strong></p>",
            "mentions": [],
            "files": [],
            "timestamp": posted.timestamp,
            "client_msg_id": "c1",
            "thread_n": 0,
            "also_in_channel": False,
            "edited_at": None,
            "deleted": False,
            "reactions": [],
            "reply_count": 0,
            "last_reply_at": None,
        },
    }
    assert frames[1]["data"] == {
        **where,
        "also_in_channel": False,
        "text": "ho",
        "html": None,
        "mentions": [],
        "edited_at": frames[1]["timestamp"],
    }
    assert frames[2]["data"] == frames[3]["data"] == {**where, "emoji": "👍", "user_id": owner}
    sender = str(scene.member.user_id)
    assert frames[4]["data"] == {**where, "also_in_channel": False, "n": 1, "thread_n": 0, "sender_id": sender}
