"""Reads: who is here, who may be disturbed."""

import itertools
import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, TypedDict

from apps.accounts import queries as accounts
from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.accounts.queries import Status
from apps.accounts.queries import status_of as status_of  # noqa: PLC0414 - of this room's words, kept with the user
from apps.conversations import queries as conversations
from apps.core.clock import now, to_ms
from apps.presence import policies, registry
from apps.presence.events import ScheduleJson
from apps.presence.models import Settings
from apps.presence.policies import NO_WISHES, Person, Schedule, Wishes
from apps.presence.ports import MAX_IDS, PresenceUnavailableError
from apps.presence.states import PresenceState as PresenceState  # noqa: PLC0414 - other rooms take the type from here
from apps.presence.states import State
from apps.workspaces import queries as workspaces
from apps.workspaces.policies import can_see_directory

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


def people(user_ids: Collection[int]) -> dict[int, Person]:
    """What those who watch them are shown besides their state; who has set nothing is left out. At most MAX_IDS."""
    wanted, statuses = wishes(user_ids), accounts.statuses(user_ids)
    return {
        user_id: Person(wanted.get(user_id, NO_WISHES), statuses.get(user_id))
        for user_id in wanted.keys() | statuses.keys()
    }


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


# -- what a caller may see --------------------------------------------------------------------------------------------


class Shown(TypedDict):
    """Presence of docs/protocol.md."""

    state: State
    dnd: bool
    status: Status | None


def presences(*, actor: Principal, workspace_id: int, user_ids: Collection[int]) -> dict[int, Shown]:
    """Of the workspace's members among these; guests learn of those whom they share a channel with.

    Raises NotFoundError, ForbiddenError.
    """
    require_scope(actor, "members:read")
    role = workspaces.member(workspace_id, actor.user_id).role
    found = _members(workspace_id, role, actor.user_id, user_ids)
    seen, statuses = states(found), accounts.statuses(found)
    return {
        user_id: {"state": one.state, "dnd": one.dnd, "status": statuses.get(user_id)} for user_id, one in seen.items()
    }


def visible(viewer_id: int, user_ids: Collection[int]) -> set[int]:
    """Those whom the viewer shares a workspace with, in which they may see them; oneself too."""
    roles = workspaces.roles_of(viewer_id)
    open_to = [workspace_id for workspace_id, role in roles.items() if can_see_directory(role)]
    found = workspaces.active_among(open_to, user_ids) if open_to else set()
    for workspace_id, role in roles.items():
        if workspace_id not in open_to and len(found) < len(user_ids):
            found |= _members(workspace_id, role, viewer_id, [one for one in user_ids if one not in found])
    return found | ({viewer_id} & set(user_ids))


def _members(workspace_id: int, role: str, viewer_id: int, user_ids: Collection[int]) -> set[int]:
    found = workspaces.active_among([workspace_id], user_ids)
    if not can_see_directory(role) and found:
        known = conversations.acquainted(workspace_id=workspace_id, user_id=viewer_id)
        found &= set(known.filter(user_id__in=found)) | {viewer_id}
    return found


# -- one's own --------------------------------------------------------------------------------------------------------


def my_dnd(*, actor: Principal) -> dict[str, Any]:
    """Dnd of docs/protocol.md."""
    row = Settings.objects.filter(user_id=actor.user_id).first() or Settings(user_id=actor.user_id)
    zone = accounts.timezones([actor.user_id]).get(actor.user_id, "") if row.dnd_start is not None else ""
    return {"on": policies.in_dnd(of_row(row, zone), now()), **present_dnd(row)}


def my_presence(*, actor: Principal) -> dict[str, Any]:
    away = Settings.objects.filter(user_id=actor.user_id, away=True).exists()
    seen = _seen([actor.user_id]).get(actor.user_id, "offline")
    return {"away": away, "state": policies.shown(actor.user_id, seen, Wishes(away=away), now()).state}


class Dnd(TypedDict):
    until: int | None
    schedule: ScheduleJson | None


def present_dnd(row: Settings) -> Dnd:
    until = to_ms(row.dnd_until) if row.dnd_until is not None and row.dnd_until > now() else None
    if row.dnd_start is None or row.dnd_end is None:
        return {"until": until, "schedule": None}
    return {
        "until": until,
        "schedule": {"start": _clock(row.dnd_start), "end": _clock(row.dnd_end), "days": row.dnd_days},
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
