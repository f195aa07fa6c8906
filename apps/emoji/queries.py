"""Reads."""

from typing import Any

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.core import pagination
from apps.core.clock import to_ms
from apps.core.errors import NotFoundError
from apps.emoji.models import CustomEmoji
from apps.workspaces import queries as workspaces


def page(
    *, actor: Principal, workspace_id: int, cursor: str | None = None, limit: int = 50
) -> pagination.Page[CustomEmoji]:
    """By name. Raises NotFoundError, InvalidError."""
    require_scope(actor, "messages:read")
    if workspaces.role_of(workspace_id, actor.user_id) is None:
        raise NotFoundError
    rows = CustomEmoji.objects.filter(workspace_id=workspace_id).select_related("alias_of").defer("image")
    return pagination.page_by_text(
        rows.defer("image", "alias_of__image"), field="name", key=lambda row: row.name, cursor=cursor, limit=limit
    )


def image(*, actor: Principal, emoji_id: int) -> bytes:
    """WebP. Raises NotFoundError."""
    require_scope(actor, "messages:read")
    found = CustomEmoji.objects.filter(id=emoji_id, alias_of=None).first()
    if found is None or workspaces.role_of(found.workspace_id, actor.user_id) is None:
        raise NotFoundError
    return bytes(found.image or b"")


def present(row: CustomEmoji) -> dict[str, Any]:
    """Emoji of docs/protocol.md; `alias_of` is loaded."""
    return {
        "id": str(row.pk),
        "name": row.name,
        "alias_of": row.alias_of.name if row.alias_of else None,
        "url": f"/v1/emoji/{row.alias_of_id or row.pk}",
        "creator_id": str(row.creator_id),
        "created_at": to_ms(row.created_at),
    }
