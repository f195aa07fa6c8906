"""The audit log: written by actions, in the transaction of what it tells about. Rooms above record here as well."""

from typing import Any

from django.db import transaction

from apps.workspaces.models import AuditEntry


def record(*, workspace_id: int, actor_id: int | None, action: str, target: str = "", **detail: Any) -> AuditEntry:
    """`detail` is JSON; ids in it are strings, as everywhere in JSON."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("audit.record belongs in the transaction of the change")
    return AuditEntry.objects.create(
        workspace_id=workspace_id, actor_id=actor_id, action=action, target=target, detail=detail
    )
