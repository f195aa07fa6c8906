"""Bots of a workspace: members without a password, made and ended by admins."""

from collections.abc import Sequence

from apps.accounts import actions as accounts
from apps.accounts.models import BotToken
from apps.accounts.principal import Principal
from apps.core.errors import ConflictError, NotFoundError
from apps.workspaces import audit, events, policies, queries
from apps.workspaces.actions.joining import add_member, announce, tell_user
from apps.workspaces.actions.standing import acting, require
from apps.workspaces.models import Member
from apps.workspaces.roles import Role

MAX_BOTS = 200


def create_bot(
    *, actor: Principal, workspace_id: int, name: str, scopes: Sequence[str]
) -> tuple[Member, BotToken, str]:
    """The bot, its first token, and the token's secret. Raises InvalidError, NotFoundError, ForbiddenError."""
    with acting(actor, workspace_id) as me:
        require(policies.can_manage_bots(me.role))
        if Member.objects.filter(workspace_id=workspace_id, user__is_bot=True, active=True).count() >= MAX_BOTS:
            raise ConflictError(f"A workspace has at most {MAX_BOTS} bots.")
        user = accounts.create_bot(name=name)
        member = add_member(workspace=me.workspace, user=user, role=Role.MEMBER, actor_id=actor.user_id)
        token, secret = accounts.issue_bot_token(user_id=user.pk, name=name, scopes=scopes)
        _audit(actor, member, "bot.created", name=user.name, scopes=token.scopes)
    return member, token, secret


def issue_bot_token(
    *, actor: Principal, workspace_id: int, user_id: int, name: str, scopes: Sequence[str]
) -> tuple[BotToken, str]:
    """Raises InvalidError, NotFoundError, ForbiddenError, ConflictError."""
    with acting(actor, workspace_id) as me:
        require(policies.can_manage_bots(me.role))
        bot = _bot(workspace_id, user_id)
        token, secret = accounts.issue_bot_token(user_id=user_id, name=name, scopes=scopes)
        _audit(actor, bot, "bot.token_issued", token=token.prefix, name=token.name, scopes=token.scopes)
    return token, secret


def revoke_bot_token(*, actor: Principal, workspace_id: int, user_id: int, token_id: int) -> None:
    """Its sockets are cut. Raises NotFoundError, ForbiddenError."""
    with acting(actor, workspace_id) as me:
        require(policies.can_manage_bots(me.role))
        bot = _bot(workspace_id, user_id)
        token = accounts.revoke_bot_token(user_id=user_id, token_id=token_id)
        _audit(actor, bot, "bot.token_revoked", token=token.prefix, name=token.name)


def remove_bot(*, actor: Principal, workspace_id: int, user_id: int) -> None:
    """For good: every token is revoked. Raises NotFoundError, ForbiddenError."""
    with acting(actor, workspace_id) as me:
        require(policies.can_manage_bots(me.role))
        bot = _bot(workspace_id, user_id)
        bot.active = False
        bot.save(update_fields=["active"])
        accounts.retire_bot(user_id=user_id)
        _audit(actor, bot, "bot.removed", name=bot.user.name)
        announce(bot, events.MemberUpdated, actor_id=actor.user_id)
        tell_user(bot, events.WorkspaceLeft, actor_id=actor.user_id)


def _bot(workspace_id: int, user_id: int) -> Member:
    found = queries.member(workspace_id, user_id)
    if not found.user.is_bot:
        raise NotFoundError
    return found


def _audit(actor: Principal, bot: Member, action: str, **detail: str | list[str]) -> None:
    audit.record(
        workspace_id=bot.workspace_id, actor_id=actor.user_id, action=action, target=f"member:{bot.user_id}", **detail
    )
