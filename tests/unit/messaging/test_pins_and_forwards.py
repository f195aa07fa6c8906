"""Pinning, forwarding and what a channel's timeline tells besides messages."""

import contextlib
from typing import Any

import pytest

from apps.conversations.actions.membership import leave_channel
from apps.conversations.actions.open_dm import open_dm
from apps.conversations.actions.update_channel import update_channel
from apps.core import threads
from apps.core.errors import AppError, ConflictError, ForbiddenError, InvalidError, NotFoundError
from apps.eventlog import streams
from apps.eventlog.events import decode_envelope
from apps.eventlog.models import OutboxRow
from apps.files import actions as files
from apps.files import parts
from apps.files import queries as file_queries
from apps.files.models import Forward
from apps.messaging import ports, queries
from apps.messaging import registry as messaging
from apps.messaging.actions import (
    add_reaction,
    attaching,
    delete_message,
    edit_message,
    pin_message,
    pinning,
    post_message,
    unpin_message,
)
from apps.messaging.present import QuoteView
from tests.unit.messaging.conftest import Scene

pytestmark = pytest.mark.django_db(transaction=True)


async def seq_of(channel_id: int) -> int:
    stream = streams.channel(channel_id)
    head = (await messaging.store().heads([stream])).get(stream)
    return 0 if head is None else head.seq


async def test_pins_come_and_go(scene: Scene, sequencing: Any) -> None:
    first = await post_message(actor=scene.member, channel_id=scene.public, text="first", wait=True)
    second = await post_message(actor=scene.member, channel_id=scene.public, text="second", wait=True)
    for posted in (first, second):
        await pin_message(actor=scene.admin, message_id=posted.message_id, wait=True)
    pins = await queries.pins(actor=scene.member, channel_id=scene.public)
    assert [(pin.message.text, pin.pinned_by) for pin in pins] == [
        ("second", str(scene.admin.user_id)),
        ("first", str(scene.admin.user_id)),
    ]
    before = await seq_of(scene.public)
    await pin_message(actor=scene.member, message_id=first.message_id, wait=True)
    assert await seq_of(scene.public) == before, "pinned already: nothing happens"
    await unpin_message(actor=scene.member, message_id=second.message_id, wait=True)
    await delete_message(actor=scene.member, message_id=first.message_id, wait=True)
    assert await queries.pins(actor=scene.member, channel_id=scene.public) == []


@pytest.mark.parametrize(
    ("role", "where", "refusal"),
    [("guest", "public", NotFoundError), ("guest", "private", NotFoundError), ("admin", "theirs", ForbiddenError)],
)
async def test_who_may_not_pin_changes_nothing(
    scene: Scene, sequencing: Any, role: str, where: str, refusal: type[AppError]
) -> None:
    channel_id = getattr(scene, where)
    posted = await post_message(actor=scene.member, channel_id=channel_id, text="x", wait=True)
    before = await seq_of(channel_id)
    actor = getattr(scene, role)
    for verb in (pin_message, unpin_message):
        with pytest.raises(refusal):
            await verb(actor=actor, message_id=posted.message_id)
    if refusal is NotFoundError:
        with pytest.raises(refusal):
            await queries.pins(actor=actor, channel_id=channel_id)
    assert await seq_of(channel_id) == before


async def test_pins_are_bounded(scene: Scene, sequencing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinning, "PINS_MAX", 1)
    for text in ("a", "b"):
        posted = await post_message(actor=scene.member, channel_id=scene.public, text=text, wait=True)
        if text == "a":
            await pin_message(actor=scene.member, message_id=posted.message_id, wait=True)
        else:
            with pytest.raises(ConflictError):
                await pin_message(actor=scene.member, message_id=posted.message_id)
    assert ports.PINS_MAX == 100


async def test_a_forwarded_message_is_a_copy(scene: Scene, sequencing: Any) -> None:
    original = await post_message(actor=scene.member, channel_id=scene.public, text="so *it* is", wait=True)
    told = await post_message(
        actor=scene.member, channel_id=scene.private, text="see", forward_id=original.message_id, wait=True
    )
    await edit_message(actor=scene.member, message_id=original.message_id, text="changed later", wait=True)
    await edit_message(actor=scene.member, message_id=told.message_id, text="look", wait=True)
    view = await queries.message(actor=scene.owner, message_id=told.message_id)
    quote = view.quote
    assert view.text == "look"
    assert isinstance(quote, QuoteView)
    assert (quote.text, quote.html, quote.sender_id) == (
        "so *it* is",
        "<p>so <em>it</em> is</p>",
        str(scene.member.user_id),
    )


async def test_private_words_stay_with_those_who_can_read_them(scene: Scene, sequencing: Any) -> None:
    secret = await post_message(actor=scene.member, channel_id=scene.private, text="hush", wait=True)
    before = await seq_of(scene.public)
    with pytest.raises(ForbiddenError):
        await post_message(actor=scene.member, channel_id=scene.public, text="", forward_id=secret.message_id)
    with pytest.raises(NotFoundError):
        await post_message(actor=scene.guest, channel_id=scene.theirs, text="", forward_id=secret.message_id)
    with pytest.raises(InvalidError):
        await post_message(actor=scene.member, channel_id=scene.public, text=" ")
    assert await seq_of(scene.public) == before

    def direct(role: str) -> int:
        people = [scene.team.user_id(role)]
        return open_dm(actor=scene.member, workspace_id=scene.team.id, user_ids=people)[0].pk

    insider, outsider = await threads.read(lambda: direct("admin")), await threads.read(lambda: direct("guest"))
    told = await post_message(actor=scene.member, channel_id=insider, text="", forward_id=secret.message_id, wait=True)
    with pytest.raises(ForbiddenError):
        await post_message(actor=scene.member, channel_id=outsider, text="", forward_id=secret.message_id)
    again = await post_message(actor=scene.admin, channel_id=insider, text="", forward_id=told.message_id, wait=True)
    assert again.message is not None
    (view,) = await queries.views([again.message])
    assert isinstance(view.quote, QuoteView)
    assert view.quote.message_id == str(secret.message_id)


def upload(scene: Scene, role: str, name: str = "note.txt") -> int:
    actor = scene.team.actor(role)
    made = files.begin_upload(actor=actor, workspace_id=scene.team.id, name=name, size=4)
    files.append_bytes(actor=actor, file_id=made.pk, offset=0, data=b"note")
    return made.pk


async def readers(scene: Scene, file_id: int) -> str:
    """Who may have it now, and gets it."""

    def ask() -> str:
        found = []
        for role in ("owner", "admin", "member", "guest"):
            with contextlib.suppress(NotFoundError):
                file = file_queries.readable(actor=scene.team.actor(role), file_id=file_id)
                assert b"".join(file_queries.content(file, parts.ORIGINAL)) == b"note"
                found.append(role)
        return " ".join(found)

    return await threads.read(ask)


async def deleted(scene: Scene, channel_id: int, message_id: int, *, times: int = 1) -> None:
    """With what follows of it, which may come more than once."""
    await delete_message(actor=scene.owner, message_id=message_id, wait=True)
    for _ in range(times):
        await attaching.withdraw_files(places=[(streams.channel(channel_id), await seq_of(channel_id))])


async def with_guest(scene: Scene) -> int:
    def make() -> int:
        people = [scene.team.user_id("guest")]
        return open_dm(actor=scene.member, workspace_id=scene.team.id, user_ids=people)[0].pk

    return await threads.read(make)


async def test_a_forward_carries_its_files(scene: Scene, sequencing: Any) -> None:
    """Each of the messages that show a file lets its channel read it, and the last that goes takes it along."""
    dm, file_id = await with_guest(scene), await threads.read(lambda: upload(scene, "member"))
    original = await post_message(actor=scene.member, channel_id=scene.public, text="", file_ids=[file_id], wait=True)
    assert await readers(scene, file_id) == "owner admin member"
    told = await post_message(actor=scene.member, channel_id=dm, text="see", forward_id=original.message_id, wait=True)
    again = await post_message(
        actor=scene.member, channel_id=scene.private, text="", forward_id=original.message_id, wait=True
    )
    view = await queries.message(actor=scene.guest, message_id=told.message_id)
    assert isinstance(view.quote, QuoteView)
    assert [(file.id, file.name, file.size) for file in view.quote.files] == [(str(file_id), "note.txt", 4)]
    assert view.files == []
    assert await readers(scene, file_id) == "owner admin member guest"
    listed = await threads.read(lambda: file_queries.of_channel(actor=scene.guest, channel_id=dm))
    assert [(row.pk, row.channel_id, row.message_id) for row in listed.results] == [(file_id, dm, told.message_id)]
    await deleted(scene, scene.public, original.message_id, times=2)
    assert await readers(scene, file_id) == "owner admin member guest"
    listed = await threads.read(lambda: file_queries.of_channel(actor=scene.owner, channel_id=scene.public))
    assert listed.results == []
    with pytest.raises(NotFoundError):
        await post_message(actor=scene.member, channel_id=scene.private, text="", forward_id=original.message_id)
    await delete_message(actor=scene.member, message_id=told.message_id, wait=True)
    await attaching.withdraw_files(places=[(streams.channel(dm), await seq_of(dm))])
    assert await readers(scene, file_id) == "owner admin member"
    await deleted(scene, scene.private, again.message_id)
    assert await readers(scene, file_id) == ""
    assert not await threads.read(Forward.objects.exists)


async def test_a_forward_of_files_that_is_refused_opens_nothing(scene: Scene, sequencing: Any) -> None:
    dm, file_id = await with_guest(scene), await threads.read(lambda: upload(scene, "member"))
    secret = await post_message(actor=scene.member, channel_id=scene.private, text="", file_ids=[file_id], wait=True)
    before = await readers(scene, file_id)
    assert "guest" not in before
    for role, channel_id, refusal in (
        ("member", dm, ForbiddenError),
        ("member", scene.public, ForbiddenError),
        ("guest", dm, NotFoundError),
        ("guest", scene.theirs, NotFoundError),
        ("admin", scene.theirs, ForbiddenError),
    ):
        with pytest.raises(refusal):
            await post_message(actor=getattr(scene, role), channel_id=channel_id, text="", forward_id=secret.message_id)
    with pytest.raises(InvalidError):
        await post_message(actor=scene.guest, channel_id=dm, text="", file_ids=[file_id])
    assert await readers(scene, file_id) == before
    assert not await threads.read(Forward.objects.exists)


async def test_a_repeated_forward_is_one(scene: Scene, sequencing: Any) -> None:
    dm, file_id = await with_guest(scene), await threads.read(lambda: upload(scene, "member"))
    original = await post_message(actor=scene.member, channel_id=scene.public, text="", file_ids=[file_id], wait=True)

    async def forward() -> int:
        posted = await post_message(
            actor=scene.member,
            channel_id=dm,
            text="",
            forward_id=original.message_id,
            client_msg_id="once",
            wait=True,
        )
        return posted.message_id

    told = await forward()
    assert await forward() == told
    assert await threads.read(lambda: [row.message_id for row in Forward.objects.all()]) == [told]
    await delete_message(actor=scene.member, message_id=told, wait=True)
    await attaching.withdraw_files(places=[(streams.channel(dm), await seq_of(dm))])
    assert await forward() == told, "of what was deleted nothing comes back"
    assert await readers(scene, file_id) == "owner admin member"
    assert not await threads.read(Forward.objects.exists)


async def test_the_timeline_tells_what_happened_between(scene: Scene, sequencing: Any) -> None:
    posted = []
    for index in range(3):
        posted.append(await post_message(actor=scene.member, channel_id=scene.public, text=str(index), wait=True))
        await pin_message(actor=scene.member, message_id=posted[-1].message_id, wait=True)
    seqs = [one.seq or 0 for one in posted]

    async def told(**bounds: Any) -> list[int]:
        page = await queries.history(actor=scene.member, channel_id=scene.public, limit=1, notices=True, **bounds)
        return [event.seq for event in page.notices or ()]

    assert await told() == [seqs[2] + 1]
    assert await told(before=str(posted[2].message_id)) == [seqs[1] + 1]
    assert await told(after=str(posted[0].message_id)) == [seqs[0] + 1]
    assert seqs[1] + 1 not in await told(around=str(posted[1].message_id))
    page = await queries.history(actor=scene.member, channel_id=scene.public, limit=9)
    assert page.notices is None


def test_a_change_says_what_was_changed(scene: Scene) -> None:
    update_channel(actor=scene.owner, channel_id=scene.public, name="renamed", topic="tea")
    leave_channel(actor=scene.member, channel_id=scene.public)
    rows = OutboxRow.objects.filter(stream=streams.channel(scene.public)).order_by("id")
    kinds = [decode_envelope(bytes(row.value)) for row in rows]
    assert [envelope.type for envelope in kinds][-2:] == ["channel.updated", "channel.member_left"]
    body = kinds[-2].body
    assert b"old_name" in body
    assert b"talk" in body
    assert b"topic" in body


async def test_an_announcement_channel(scene: Scene, sequencing: Any) -> None:
    first = await post_message(actor=scene.owner, channel_id=scene.public, text="news", wait=True)
    await threads.read(lambda: update_channel(actor=scene.owner, channel_id=scene.public, posting="admins"))
    before = await seq_of(scene.public)
    ways: list[dict[str, Any]] = [{}, {"thread_id": first.message_id, "also_in_channel": True}]
    for more in ways:
        with pytest.raises(ForbiddenError):
            await post_message(actor=scene.member, channel_id=scene.public, text="me too", **more)
    with pytest.raises(ForbiddenError):
        await pin_message(actor=scene.member, message_id=first.message_id)
    assert await seq_of(scene.public) == before
    await post_message(
        actor=scene.member, channel_id=scene.public, text="a reply", thread_id=first.message_id, wait=True
    )
    await add_reaction(actor=scene.member, message_id=first.message_id, emoji="tada", wait=True)
    await post_message(actor=scene.admin, channel_id=scene.public, text="more news", wait=True)
    assert await seq_of(scene.public) == before + 3
