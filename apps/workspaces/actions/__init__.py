"""Verbs of this room."""

from apps.workspaces.actions.bots import create_bot, issue_bot_token, remove_bot, revoke_bot_token
from apps.workspaces.actions.groups import add_to_group, create_group, remove_from_group, update_group
from apps.workspaces.actions.invitations import Accepted, NewInvitation, accept_invite, create_invite, revoke_invite
from apps.workspaces.actions.members import (
    change_handle,
    change_name,
    change_role,
    deactivate_member,
    reactivate_member,
    update_member,
    update_profile,
)
from apps.workspaces.actions.workspaces import (
    change_policies,
    create_workspace,
    rename_workspace,
    update_workspace,
)

__all__ = [
    "Accepted",
    "NewInvitation",
    "accept_invite",
    "add_to_group",
    "change_handle",
    "change_name",
    "change_policies",
    "change_role",
    "create_bot",
    "create_group",
    "create_invite",
    "create_workspace",
    "deactivate_member",
    "issue_bot_token",
    "reactivate_member",
    "remove_bot",
    "remove_from_group",
    "rename_workspace",
    "revoke_bot_token",
    "revoke_invite",
    "update_group",
    "update_member",
    "update_profile",
    "update_workspace",
]
