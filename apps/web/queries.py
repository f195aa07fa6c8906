"""Reads that put together what several rooms know."""

from collections.abc import Iterable

from asgiref.sync import async_to_sync

from apps.eventlog import streams
from apps.messaging import registry
from apps.messaging.ports import StoreUnavailableError


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
