"""Reads: who is here, who may be disturbed."""

import itertools
import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from apps.accounts import queries as accounts
from apps.core.clock import now
from apps.presence import policies, registry
from apps.presence.models import Settings
from apps.presence.policies import NO_WISHES, Schedule, Wishes
from apps.presence.ports import MAX_IDS, PresenceUnavailableError
from apps.presence.states import PresenceState as PresenceState  # noqa: PLC0414 - other rooms take the type from here
from apps.presence.states import State

log = logging.getLogger(__name__)


def states(user_ids: Collection[int], *, at: datetime | None = None) -> dict[int, PresenceState]:
    """Everyone asked for, from any thread. While the backend does not answer everyone is offline."""
    at = at or now()
    found: dict[int, PresenceState] = {}
    for chunk in _chunks(user_ids):
        seen, wanted = _seen(chunk), wishes(chunk)
        for user_id in chunk:
            found[user_id] = policies.shown(user_id, seen.get(user_id, "offline"), wanted.get(user_id, NO_WISHES), at)
    return found


def wishes(user_ids: Collection[int]) -> dict[int, Wishes]:
    """By user id; who has set nothing is left out. At most MAX_IDS."""
    rows = {row.user_id: row for row in Settings.objects.filter(user_id__in=list(user_ids)[:MAX_IDS])}
    zones = accounts.timezones([user_id for user_id, row in rows.items() if row.dnd_start is not None])
    return {user_id: of_row(row, zones.get(user_id, "")) for user_id, row in rows.items()}


def of_row(row: Settings, timezone: str) -> Wishes:
    schedule = None
    if row.dnd_start is not None and row.dnd_end is not None:
        schedule = Schedule(row.dnd_start, row.dnd_end, tuple(row.dnd_days))
    return Wishes(row.away, row.dnd_until, schedule, timezone)


def _seen(user_ids: Collection[int]) -> Mapping[int, State]:
    try:
        return {user_id: seen.state for user_id, seen in registry.presence().read_now(user_ids).items()}
    except PresenceUnavailableError:
        return {}


def _chunks(user_ids: Collection[int]) -> Iterable[list[int]]:
    wanted = iter(dict.fromkeys(user_ids))
    while chunk := list(itertools.islice(wanted, MAX_IDS)):
        yield chunk
