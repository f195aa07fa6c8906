"""Saved messages, drafts, messages for later, reminders, the order of the sidebar."""

from typing import Any

import pytest

from apps.accounts.principal import Principal
from apps.conversations.actions.membership import leave_channel
from apps.conversations.actions.update_channel import archive_channel, unarchive_channel
from apps.core import threads
from apps.core.clock import now_ms
from apps.core.errors import AppError, ConflictError, ForbiddenError, InvalidError, NotFoundError
from apps.desk import actions as desk
from apps.desk import queries
from apps.desk.actions import drafts, reminders, scheduling, sweeping
from apps.desk.models import Draft, Reminder, Saved, Scheduled
from apps.eventlog import streams
from apps.eventlog.events import decode_envelope
from apps.eventlog.models import OutboxRow
from apps.messaging import queries as messages
from apps.messaging.actions import post_message
from tests.unit.messaging.conftest import *  # noqa: F403 - fixtures
from tests.unit.messaging.conftest import Scene

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = 3_600_000


async def told(user_id: int) -> list[str]:
    """Types of what the person's own stream is told by this room."""

    def read() -> list[str]:
        rows = OutboxRow.objects.filter(stream=streams.user(user_id)).order_by("id")
        types = [decode_envelope(bytes(row.value)).type for row in rows]
        return [kind for kind in types if not kind.startswith(("membership", "workspace"))]

    return await threads.read(read)


async def count(model: Any) -> int:
    return int(await threads.read(model.objects.count))


async def past(model: Any) -> None:
    """Its time has come."""
    await threads.read(lambda: model.objects.update(at=now_ms() - 1))


async def test_saved_messages(scene: Scene, sequencing: Any) -> None:
    member = scene.member
    posted = [
        await post_message(actor=scene.owner, channel_id=channel, text=str(channel), wait=True)
        for channel in (scene.public, scene.private)
    ]
    for one in posted:
        for _ in range(2):
            await desk.save_message(actor=member, message_id=one.message_id)
    page = await queries.saved(actor=member, workspace_id=scene.team.id)
    assert [item.message_id for item in page.results] == [str(one.message_id) for one in reversed(posted)]
    assert (await told(member.user_id)).count("saved.changed") == 2, "the repeats change nothing"
    await desk.save_message(actor=member, message_id=posted[0].message_id, done=True)
    page = await queries.saved(actor=member, workspace_id=scene.team.id, done=True)
    assert [item.message_id for item in page.results] == [str(posted[0].message_id)]
    assert await queries.saved_ids(actor=member, workspace_id=scene.team.id) == [str(posted[1].message_id)]
    await threads.read(lambda: leave_channel(actor=member, channel_id=scene.private))
    page = await queries.saved(actor=member, workspace_id=scene.team.id)
    assert [item.message for item in page.results] == [None], "what can't be seen any more is not shown"
    await desk.unsave_message(actor=member, message_id=posted[1].message_id)
    assert (await queries.saved(actor=member, workspace_id=scene.team.id)).results == []
    with pytest.raises(NotFoundError):
        await desk.save_message(actor=scene.guest, message_id=posted[0].message_id)
    assert await queries.saved_ids(actor=scene.owner, workspace_id=scene.team.id) == [], "saved by others"
    assert await count(Saved) == 1


async def test_drafts(scene: Scene, sequencing: Any) -> None:
    member = scene.member
    await desk.keep_draft(actor=member, channel_id=scene.public, text="fir", origin="tab")
    await desk.keep_draft(actor=member, channel_id=scene.public, text="first")
    await desk.keep_draft(actor=member, channel_id=scene.public, text="answer", thread_id=5)
    found = await queries.drafts(actor=member)
    assert {(draft.thread_id, draft.text) for draft in found} == {(None, "first"), ("5", "answer")}
    assert await queries.drafts(actor=scene.owner) == []
    sealed = await threads.read(lambda: [bytes(row.sealed) for row in Draft.objects.all()])
    assert not any(b"first" in one for one in sealed)
    for _ in range(2):
        await desk.drop_draft(actor=member, channel_id=scene.public)
    assert [draft.text for draft in await queries.drafts(actor=member)] == ["answer"]
    assert await told(member.user_id) == ["draft.changed"] * 4
    for actor, channel_id, text, refusal in (
        (scene.guest, scene.public, "x", NotFoundError),
        (scene.admin, scene.theirs, "x", ForbiddenError),
        (member, scene.public, " ", InvalidError),
        (member, scene.public, "x" * 12_001, InvalidError),
    ):
        with pytest.raises(refusal):
            await desk.keep_draft(actor=actor, channel_id=channel_id, text=text)
    assert await count(Draft) == 1


async def test_a_scheduled_message_is_sent_once(scene: Scene, sequencing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    member = scene.member
    row = await desk.schedule_message(actor=member, channel_id=scene.public, text="good *morning*", at=now_ms() + HOUR)
    assert [item.text for item in await queries.scheduled(actor=member, workspace_id=scene.team.id)] == [
        "good *morning*"
    ]
    assert await desk.sweep() == 0, "not yet"
    await past(Scheduled)

    # whoever sent it dies before saying so, and two others come after
    monkeypatch.setattr(sweeping, "_sent", lambda _: None)
    await sweeping.send_one(row.id)
    monkeypatch.undo()
    await threads.read(lambda: Scheduled.objects.update(claimed_until=0))
    for _ in range(2):
        await desk.sweep()
    page = await messages.history(actor=scene.owner, channel_id=scene.public)
    assert [(view.text, view.sender_id) for view in page.results] == [("good *morning*", str(member.user_id))]
    assert await count(Scheduled) == 0
    assert await told(member.user_id) == ["scheduled.changed", "scheduled.changed"]


async def test_a_scheduled_message_can_be_changed_sent_and_cancelled(scene: Scene, sequencing: Any) -> None:
    member, at = scene.member, now_ms() + HOUR
    rows = [
        await desk.schedule_message(actor=member, channel_id=scene.public, text=text, at=at) for text in ("one", "two")
    ]
    await desk.change_scheduled(actor=member, scheduled_id=rows[0].id, text="changed", at=at + HOUR)
    items = await queries.scheduled(actor=member, workspace_id=scene.team.id)
    assert [(item.text, item.at) for item in items] == [("two", at), ("changed", at + HOUR)]
    for other in (scene.owner, scene.guest):
        for verb in (desk.cancel_scheduled, desk.send_now, desk.change_scheduled):
            with pytest.raises(NotFoundError):
                await verb(actor=other, scheduled_id=rows[0].id)
    await desk.send_now(actor=member, scheduled_id=rows[0].id)
    await desk.cancel_scheduled(actor=member, scheduled_id=rows[1].id)
    page = await messages.history(actor=scene.owner, channel_id=scene.public)
    assert [view.text for view in page.results] == ["changed"]
    assert await count(Scheduled) == 0


async def test_a_scheduled_reply_is_shown_in_the_channel_as_well(scene: Scene, sequencing: Any) -> None:
    member = scene.member
    parent = await post_message(actor=scene.owner, channel_id=scene.public, text="question", wait=True)
    for also in (True, False):
        await desk.schedule_message(
            actor=member,
            channel_id=scene.public,
            text=f"answer {also}",
            at=now_ms() + HOUR,
            thread_id=parent.message_id,
            also_in_channel=also,
        )
    items = await queries.scheduled(actor=member, workspace_id=scene.team.id)
    assert [item.also_in_channel for item in items] == [True, False]
    await past(Scheduled)
    await desk.sweep()
    page = await messages.history(actor=scene.owner, channel_id=scene.public)
    assert [view.text for view in page.results] == ["answer True", "question"]
    replies = await messages.replies(actor=scene.owner, message_id=parent.message_id)
    assert {(view.text, view.also_in_channel) for view in replies.results} == {
        ("answer True", True),
        ("answer False", False),
    }


async def test_a_channel_that_is_archived_meanwhile_is_said(scene: Scene, sequencing: Any) -> None:
    """It waits with its reason, its author is told, and once the channel is open again it can be sent."""
    member = scene.member
    row = await desk.schedule_message(actor=member, channel_id=scene.public, text="late", at=now_ms() + HOUR)
    await threads.read(lambda: archive_channel(actor=scene.owner, channel_id=scene.public))
    await past(Scheduled)
    await desk.sweep()
    (item,) = await queries.scheduled(actor=member, workspace_id=scene.team.id)
    assert item.problem
    assert await told(member.user_id) == ["scheduled.changed", "scheduled.changed"]
    with pytest.raises(AppError):
        await desk.send_now(actor=member, scheduled_id=row.id)
    assert await count(Scheduled) == 1
    await threads.read(lambda: unarchive_channel(actor=scene.owner, channel_id=scene.public))
    await desk.send_now(actor=member, scheduled_id=row.id)
    page = await messages.history(actor=scene.owner, channel_id=scene.public)
    assert [view.text for view in page.results] == ["late"]


async def test_what_can_not_be_sent_says_why(scene: Scene, sequencing: Any) -> None:
    member = scene.member
    await desk.schedule_message(actor=member, channel_id=scene.private, text="late", at=now_ms() + HOUR)
    await threads.read(lambda: leave_channel(actor=member, channel_id=scene.private))
    await past(Scheduled)
    await desk.sweep()
    assert await desk.sweep() == 0, "it is not tried for ever"
    (item,) = await queries.scheduled(actor=member, workspace_id=scene.team.id)
    assert item.problem
    refused: list[tuple[Principal, int, str, int, type[AppError]]] = [
        (member, scene.private, "x", HOUR, NotFoundError),
        (scene.admin, scene.theirs, "x", HOUR, ForbiddenError),
        (member, scene.public, "", HOUR, InvalidError),
        (member, scene.public, "x", -1, InvalidError),
        (member, scene.public, "x", 400 * 24 * HOUR, InvalidError),
    ]
    for actor, channel_id, text, later, refusal in refused:
        with pytest.raises(refusal):
            await desk.schedule_message(actor=actor, channel_id=channel_id, text=text, at=now_ms() + later)
    assert await count(Scheduled) == 1


async def test_reminders(scene: Scene, sequencing: Any) -> None:
    member, team = scene.member, scene.team.id
    posted = await post_message(actor=scene.owner, channel_id=scene.public, text="x", wait=True)
    await desk.remind(actor=member, workspace_id=team, at=now_ms() + HOUR, text="tea")
    later = await desk.remind(actor=member, workspace_id=team, at=now_ms() + 2 * HOUR, message_id=posted.message_id)
    assert await desk.sweep() == 0
    await past(Reminder)
    assert await desk.sweep() == 2
    assert await desk.sweep() == 0, "told once"
    items = await queries.reminders(actor=member, workspace_id=team)
    assert [(item.text, item.message_id, item.due) for item in items] == [
        ("tea", None, True),
        ("", str(posted.message_id), True),
    ]
    await desk.change_reminder(actor=member, reminder_id=later.id, at=now_ms() + HOUR)
    await desk.finish_reminder(actor=member, reminder_id=int(items[0].id))
    assert [item.due for item in await queries.reminders(actor=member, workspace_id=team)] == [False]
    with pytest.raises(NotFoundError):
        await desk.finish_reminder(actor=scene.owner, reminder_id=later.id)
    with pytest.raises(InvalidError):
        await desk.remind(actor=member, workspace_id=team, at=now_ms() + HOUR, text=" ")
    with pytest.raises(NotFoundError):
        await desk.remind(actor=scene.guest, workspace_id=team, at=now_ms() + HOUR, message_id=posted.message_id)
    assert await count(Reminder) == 1


def test_the_order_of_the_sidebar(scene: Scene) -> None:
    def arrange(**layout: Any) -> Any:
        return desk.arrange_sidebar(
            actor=scene.member, workspace_id=scene.team.id, **{"starred": [], "sections": [], **layout}
        )

    section = {"id": "a", "name": " Work ", "channel_ids": [scene.public]}
    made = arrange(starred=[scene.private, scene.private], sections=[section])
    assert made == {
        "starred": [str(scene.private)],
        "sections": [{"id": "a", "name": "Work", "channel_ids": [str(scene.public)]}],
    }
    assert queries.sidebar(actor=scene.member, workspace_id=scene.team.id) == made
    assert queries.sidebar(actor=scene.owner, workspace_id=scene.team.id) == {"starred": [], "sections": []}
    for bad in ([section, section], [section, {**section, "id": "b"}], [{**section, "id": str(n)} for n in range(51)]):
        with pytest.raises(InvalidError):
            arrange(sections=bad)
    assert queries.sidebar(actor=scene.member, workspace_id=scene.team.id) == made


async def test_limits(scene: Scene, sequencing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((drafts, "DRAFTS_MAX"), (scheduling, "SCHEDULED_MAX"), (reminders, "REMINDERS_MAX")):
        monkeypatch.setattr(module, name, 0)
    at = now_ms() + HOUR
    for attempt in (
        lambda: desk.keep_draft(actor=scene.member, channel_id=scene.public, text="x"),
        lambda: desk.schedule_message(actor=scene.member, channel_id=scene.public, text="x", at=at),
        lambda: desk.remind(actor=scene.member, workspace_id=scene.team.id, text="x", at=at),
    ):
        with pytest.raises(ConflictError):
            await attempt()
