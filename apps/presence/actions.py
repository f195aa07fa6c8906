"""What people set about themselves: durable, told to their own devices as events and to those who watch them."""

import enum
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from asgiref.sync import async_to_sync
from django.db import transaction

from apps.accounts import actions as accounts
from apps.accounts.policies import require_person
from apps.accounts.principal import Principal
from apps.core.clock import from_ms, now
from apps.core.errors import InvalidError
from apps.eventlog import outbox, registry, streams
from apps.eventlog.events import Batch, Ephemeral, Event
from apps.messaging.texts import check_emoji
from apps.presence import events, queries
from apps.presence.models import Settings
from apps.presence.sizes import AHEAD_MAX_S
from apps.presence.topics import topic

if TYPE_CHECKING:
    from apps.accounts.models import User

_MINUTES_PER_DAY = 24 * 60
_DAYS = 7


class _Unset(enum.Enum):
    UNSET = enum.auto()


UNSET: Literal[_Unset.UNSET] = _Unset.UNSET  # a value that a call leaves as it is


def set_status(*, actor: Principal, emoji: str = "", text: str = "", expires_at: int | None = None) -> "User":
    """`expires_at` in milliseconds since the epoch. Raises InvalidError, ForbiddenError."""
    if emoji:
        check_emoji(emoji)
    expires = None if expires_at is None else _moment(expires_at, field="expires_at")
    with transaction.atomic():
        user = accounts.change_status(actor=actor, emoji=emoji, text=text, expires_at=expires)
        _tell(user.pk, events.StatusChanged(status=queries.status_of(user)))
    return user


def clear_status(*, actor: Principal) -> None:
    """Idempotent. Raises ForbiddenError."""
    with transaction.atomic():
        accounts.clear_status(actor=actor)
        _tell(actor.user_id, events.StatusChanged(status=None))


def set_dnd(
    *,
    actor: Principal,
    until: int | Literal[_Unset.UNSET] | None = UNSET,
    schedule: Mapping[str, Any] | Literal[_Unset.UNSET] | None = UNSET,
) -> Settings:
    """`until` in milliseconds since the epoch; `schedule`: {start: "22:00", end: "08:00", days: [0…6]}, 0 is Monday.

    What is left out stays, None takes it away. Raises InvalidError, ForbiddenError.
    """
    require_person(actor)
    with transaction.atomic():
        row = _mine(actor)
        if until is not UNSET:
            row.dnd_until = None if until is None else _moment(until, field="until")
        if schedule is not UNSET:
            row.dnd_start, row.dnd_end, row.dnd_days = (None, None, []) if schedule is None else _schedule(schedule)
        row.save()
        _tell(actor.user_id, events.DndChanged(**queries.present_dnd(row)))
    return row


def set_away(*, actor: Principal, away: bool) -> Settings:
    """Raises ForbiddenError."""
    require_person(actor)
    with transaction.atomic():
        row = _mine(actor)
        row.away = away
        row.save()
        _tell(actor.user_id, events.AwayChanged(away=away))
    return row


def _mine(actor: Principal) -> Settings:
    row = Settings.objects.select_for_update().filter(user_id=actor.user_id).first()
    return row or Settings(user_id=actor.user_id)


def _tell(user_id: int, event: Event) -> None:
    """Their own devices by the event; after the commit the gateways, which look again at what they show."""
    outbox.enqueue(stream=streams.user(user_id), event=event, actor_id=user_id, workspace_id=None)
    batch = Batch(stream=topic(user_id), ephemeral=[Ephemeral(type="settings", key=str(user_id), body=b"")])
    publish: Callable[[Batch], None] = async_to_sync(registry.broadcast().publish)
    transaction.on_commit(lambda: publish(batch), robust=True)


def _moment(value: int, *, field: str) -> datetime:
    at = now()
    try:
        moment = from_ms(value)
    except (OverflowError, ValueError) as error:
        raise InvalidError(errors={field: ["Not a time."]}) from error
    if not at < moment <= at + timedelta(seconds=AHEAD_MAX_S):
        raise InvalidError(errors={field: ["A time within the next 366 days."]})
    return moment


def _schedule(value: Mapping[str, Any]) -> tuple[int, int, list[int]]:
    start, end = _minute(value.get("start"), "schedule.start"), _minute(value.get("end"), "schedule.end")
    if start == end:
        raise InvalidError(errors={"schedule.end": ["Another time than the start."]})
    days = value.get("days", list(range(_DAYS)))
    if not isinstance(days, list) or not days or any(type(day) is not int or not 0 <= day < _DAYS for day in days):
        raise InvalidError(errors={"schedule.days": ["Days from 0 (Monday) to 6, at least one."]})
    return start, end, sorted(set(days))


def _minute(value: object, field: str) -> int:
    hours, _, minutes = value.partition(":") if isinstance(value, str) else ("", "", "")
    if len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit():  # noqa: PLR2004
        minute = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and minute < _MINUTES_PER_DAY:  # noqa: PLR2004
            return minute
    raise InvalidError(errors={field: ["A time of day, as 22:30."]})
