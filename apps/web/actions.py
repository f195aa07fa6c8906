"""What takes two rooms to do: a workspace is not complete without its first channels, nor a member without them."""

from django.db import transaction

from apps.accounts.principal import Principal
from apps.conversations import actions as conversations
from apps.workspaces import actions as workspaces
from apps.workspaces.queries import Member
from apps.workspaces.roles import Role


def start_workspace(*, actor: Principal, name: str) -> Member:
    """The creator's membership with `workspace` loaded. Raises as workspaces.actions.create_workspace."""
    with transaction.atomic():
        member = workspaces.create_workspace(actor=actor, name=name)
        conversations.create_default_channels(actor=actor, workspace_id=member.workspace_id)
    return member


def join_workspace(*, actor: Principal, code: str) -> Member:
    """The same for an invitation. Guests enter no channel by themselves. Raises as workspaces.actions.accept_invite."""
    with transaction.atomic():
        member, new = workspaces.accept_invite(actor=actor, code=code)
        if new and member.role != Role.GUEST:
            conversations.join_default_channels(workspace_id=member.workspace_id, user_id=member.user_id)
    return member
