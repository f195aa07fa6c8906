"""Stars and sections of the sidebar."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from apps.accounts.policies import require_person
from apps.accounts.principal import Principal
from apps.core.errors import InvalidError
from apps.desk.actions.writing import tell
from apps.desk.events import SidebarChanged
from apps.desk.models import Sidebar
from apps.workspaces import queries as workspaces

SECTIONS_MAX = 50
NAME_MAX = 60
CHANNELS_MAX = 2_000


def arrange_sidebar(
    *, actor: Principal, workspace_id: int, starred: Sequence[int], sections: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The whole order at once; a channel is in one section at most. Raises InvalidError, NotFoundError."""
    require_person(actor)
    workspaces.member(workspace_id, actor.user_id)
    placed = [channel_id for section in sections for channel_id in section["channel_ids"]]
    if len(sections) > SECTIONS_MAX:
        raise InvalidError(errors={"sections": [f"At most {SECTIONS_MAX} sections."]})
    if len(starred) + len(placed) > CHANNELS_MAX:
        raise InvalidError(errors={"sections": [f"At most {CHANNELS_MAX} channels."]})
    if len({section["id"] for section in sections}) != len(sections) or len(set(placed)) != len(placed):
        raise InvalidError(errors={"sections": ["Each section and each channel once."]})
    layout = {
        "starred": [str(channel_id) for channel_id in dict.fromkeys(starred)],
        "sections": [
            {
                "id": section["id"],
                "name": section["name"].strip(),
                "channel_ids": [str(channel_id) for channel_id in section["channel_ids"]],
            }
            for section in sections
        ],
    }
    with transaction.atomic():
        row, _ = Sidebar.objects.select_for_update().get_or_create(user_id=actor.user_id, workspace_id=workspace_id)
        if row.layout != layout:
            row.layout = layout
            row.save(update_fields=["layout"])
            tell(actor.user_id, SidebarChanged(workspace_id=str(workspace_id)), workspace_id=workspace_id)
    return layout
