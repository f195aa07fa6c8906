"""Reads that put together what several rooms know."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asgiref.sync import async_to_sync
from django.db import DatabaseError, InterfaceError, connection

from apps.conversations import queries as conversations
from apps.eventlog import registry as eventlog
from apps.eventlog import streams
from apps.messaging import registry
from apps.messaging.ports import StoreUnavailableError
from apps.reads import queries as reads


def workspace_seqs(workspace_ids: Iterable[int]) -> dict[int, int | None]:
    """The seq at which each workspace's stream stands; None for all while the store does not answer."""
    names = {workspace_id: streams.workspace(workspace_id) for workspace_id in workspace_ids}
    if not names:
        return {}
    try:
        heads = async_to_sync(registry.store().heads)(list(names.values()))
    except StoreUnavailableError:
        return dict.fromkeys(names)
    return {workspace_id: heads[name].seq if name in heads else 0 for workspace_id, name in names.items()}


def channel_places(channel_ids: Iterable[int]) -> dict[int, dict[str, int | bool | None]]:
    """seq, count and last_message_at of each channel; all None, and `partial`, while the store does not answer."""
    names = {channel_id: streams.channel(channel_id) for channel_id in channel_ids}
    if not names:
        return {}
    try:
        heads = async_to_sync(registry.store().heads)(list(names.values()))
    except StoreUnavailableError:
        nothing = {"seq": None, "count": None, "last_message_at": None, "partial": True}
        return {channel_id: dict(nothing) for channel_id in names}
    places: dict[int, dict[str, int | bool | None]] = {}
    for channel_id, name in names.items():
        head = heads.get(name)
        places[channel_id] = {
            "seq": head.seq if head else 0,
            "count": head.count if head else 0,
            "last_message_at": head.created_at if head and head.count else None,
        }
    return places


def unread(
    user_id: int, rows: Sequence[dict[str, Any]], places: Mapping[int, Mapping[str, int | bool | None]]
) -> dict[int, dict[str, Any]]:
    """unread, mentions and marker by channel. `rows`: channels that the user is in, at most 200."""
    scopes = []
    for row in rows:
        channel_id, count = int(row["id"]), places[int(row["id"])]["count"]
        direct = row["kind"] in conversations.DIRECT
        scopes.append(reads.Scope(channel_id, channel_id, None if count is None else int(count), direct))
    states = reads.states(user_id, scopes) if scopes else {}
    return {channel_id: reads.present_state(state) for channel_id, state in states.items()}


def readiness() -> tuple[bool, dict[str, bool]]:
    """Whether requests can be served at all, and how each part is."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        database = True
    except (DatabaseError, InterfaceError):
        database = False
    return database, {"database": database, "broadcast": eventlog.broadcast().healthy}
