from django.db import transaction

from apps.accounts.principal import Principal
from apps.conversations.actions.create_channel import make
from apps.conversations.models import Channel, Kind

_GENERAL = "general"
_PURPOSES = {
    _GENERAL: "What everyone should know. Everyone is here.",
    "random": "Everything else: the links, the jokes, the cat.",
}


def create_default_channels(*, actor: Principal, workspace_id: int) -> list[Channel]:
    """#general and #random of a new workspace, with the one who made it in them. Idempotent."""
    with transaction.atomic():
        found = list(Channel.objects.filter(workspace_id=workspace_id, is_default=True).order_by("id"))
        if found:
            return found
        return [
            make(
                Channel(
                    workspace_id=workspace_id,
                    kind=Kind.PUBLIC,
                    name=name,
                    purpose=purpose,
                    creator_id=actor.user_id,
                    is_general=name == _GENERAL,
                    is_default=True,
                ),
                [actor.user_id],
                actor_id=actor.user_id,
            )
            for name, purpose in _PURPOSES.items()
        ]
