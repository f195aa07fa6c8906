"""Reads. Everything here is the actor's own."""

from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import DatabaseError

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.core import pagination, threads
from apps.core.errors import UnavailableError
from apps.core.ids import timestamp_ms
from apps.desk import sealing
from apps.desk.models import Draft, Reminder, Saved, Scheduled, Sidebar
from apps.messaging import queries as messaging
from apps.messaging.events import Target
from apps.messaging.present import MessageView

LISTED_MAX = 500
_decode_target = msgspec.msgpack.Decoder(Target).decode


@dataclass(frozen=True)
class SavedItem:
    """`message` is None when it is deleted or can't be seen any more."""

    message_id: str
    channel_id: str
    message: MessageView | None
    saved_at: int
    done: bool


@dataclass(frozen=True)
class DraftItem:
    workspace_id: str
    channel_id: str
    thread_id: str | None
    text: str
    updated_at: int


@dataclass(frozen=True)
class ScheduledItem:
    id: str
    workspace_id: str
    channel_id: str
    thread_id: str | None
    also_in_channel: bool
    text: str
    at: int
    problem: str | None


@dataclass(frozen=True)
class ReminderItem:
    id: str
    workspace_id: str
    channel_id: str | None
    message_id: str | None
    text: str
    at: int
    due: bool


async def saved(
    *, actor: Principal, workspace_id: int, done: bool = False, cursor: str | None = None, limit: int = 50
) -> pagination.Page[SavedItem]:
    """Saved last, first."""
    require_scope(actor, "messages:read")
    rows = Saved.objects.filter(user_id=actor.user_id, workspace_id=workspace_id, done_at__isnull=not done)
    if cursor:
        rows = rows.filter(id__lt=pagination.decode(cursor, int)[0])
    found = await _list(lambda: list(rows.order_by("-id")[: limit + 1]))
    shown = found[:limit]
    seen = await conversations.access_many({row.channel_id for row in shown}, actor.user_id)
    readable = [_decode_target(bytes(row.target)) for row in shown if row.channel_id in seen]
    views = {view.message_id: view for view in await messaging.views_at(readable) if not view.deleted}
    return pagination.Page(
        [
            SavedItem(
                message_id=str(row.message_id),
                channel_id=str(row.channel_id),
                message=views.get(str(row.message_id)),
                saved_at=timestamp_ms(row.id),
                done=row.done_at is not None,
            )
            for row in shown
        ],
        pagination.encode(shown[-1].id) if len(found) > limit else None,
    )


async def saved_ids(*, actor: Principal, workspace_id: int) -> list[str]:
    """Of what is saved and not done, so that a client can mark it: the newest LISTED_MAX."""
    require_scope(actor, "messages:read")
    rows = Saved.objects.filter(user_id=actor.user_id, workspace_id=workspace_id, done_at=None).order_by("-id")
    return [str(found) for found in await _list(lambda: list(rows.values_list("message_id", flat=True)[:LISTED_MAX]))]


async def drafts(*, actor: Principal) -> list[DraftItem]:
    """All of them, changed last, first."""
    require_scope(actor, "messages:read")
    rows = Draft.objects.filter(user_id=actor.user_id).order_by("-updated_at")
    found = await _list(lambda: list(rows[:LISTED_MAX]))
    texts = await sealing.opened([(row.id, bytes(row.sealed)) for row in found], user_id=actor.user_id)
    return [
        DraftItem(
            str(row.workspace_id),
            str(row.channel_id),
            str(row.thread_id) if row.thread_id else None,
            text,
            row.updated_at,
        )
        for row, text in zip(found, texts, strict=True)
    ]


async def scheduled(*, actor: Principal, workspace_id: int) -> list[ScheduledItem]:
    """The one to be sent next, first."""
    require_scope(actor, "messages:read")
    rows = Scheduled.objects.filter(user_id=actor.user_id, workspace_id=workspace_id).order_by("at", "id")
    return await present_scheduled(await _list(lambda: list(rows[:LISTED_MAX])), user_id=actor.user_id)


async def present_scheduled(rows: list[Scheduled], *, user_id: int) -> list[ScheduledItem]:
    texts = await sealing.opened([(row.id, bytes(row.sealed)) for row in rows], user_id=user_id)
    return [
        ScheduledItem(
            str(row.id),
            str(row.workspace_id),
            str(row.channel_id),
            None if row.thread_id is None else str(row.thread_id),
            row.also_in_channel,
            text,
            row.at,
            row.problem or None,
        )
        for row, text in zip(rows, texts, strict=True)
    ]


async def reminders(*, actor: Principal, workspace_id: int) -> list[ReminderItem]:
    """The next one first."""
    require_scope(actor, "messages:read")
    rows = Reminder.objects.filter(user_id=actor.user_id, workspace_id=workspace_id).order_by("at", "id")
    return await present_reminders(await _list(lambda: list(rows[:LISTED_MAX])), user_id=actor.user_id)


async def present_reminders(rows: list[Reminder], *, user_id: int) -> list[ReminderItem]:
    texts = await sealing.opened([(row.id, bytes(row.sealed)) for row in rows], user_id=user_id)
    return [
        ReminderItem(
            str(row.id),
            str(row.workspace_id),
            None if row.channel_id is None else str(row.channel_id),
            None if row.message_id is None else str(row.message_id),
            text,
            row.at,
            row.due,
        )
        for row, text in zip(rows, texts, strict=True)
    ]


def sidebar(*, actor: Principal, workspace_id: int) -> dict[str, Any]:
    row = Sidebar.objects.filter(user_id=actor.user_id, workspace_id=workspace_id).first()
    return row.layout if row is not None and row.layout else {"starred": [], "sections": []}


async def _list(read: Any) -> list[Any]:
    try:
        found: list[Any] = await threads.read(read)
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error
    return found
