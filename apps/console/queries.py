"""Reads that put together what several rooms know, for a page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from apps.accounts import queries as accounts
from apps.accounts.principal import Principal
from apps.console.sentences import sentence
from apps.conversations import queries as conversations
from apps.core.pagination import Page
from apps.workspaces import queries as workspaces

if TYPE_CHECKING:
    from apps.workspaces.models import Invitation

_MEMBER = "member:"
_NOBODY = "slackclone"
_GONE = "somebody"


@dataclass(frozen=True)
class Overview:
    members: workspaces.Counts
    channels: int
    archived: int


def overview(workspace_id: int) -> Overview:
    channels, archived = conversations.public_counts(workspace_id)
    return Overview(workspaces.counts(workspace_id), channels, archived)


@dataclass(frozen=True)
class AuditLine:
    at: datetime
    actor: str
    text: str


def audit(*, actor: Principal, workspace_id: int, cursor: str | None, limit: int) -> Page[AuditLine]:
    """Raises NotFoundError, ForbiddenError, InvalidError for the cursor."""
    page = workspaces.visible_audit(actor=actor, workspace_id=workspace_id, cursor=cursor, limit=limit)
    targets = {entry.pk: _member_id(entry.target) for entry in page.results}
    names = _names([entry.actor_id for entry in page.results] + list(targets.values()))
    lines = []
    for entry in page.results:
        member_id = targets[entry.pk]
        target = names.get(member_id, _GONE) if member_id is not None else entry.target
        who = _NOBODY if entry.actor_id is None else names.get(entry.actor_id, _GONE)
        lines.append(AuditLine(entry.at, who, sentence(entry.action, entry.detail, target=target)))
    return Page(lines, page.next_cursor)


@dataclass(frozen=True)
class InvitationLine:
    invitation: "Invitation"
    inviter: str

    @property
    def used_up(self) -> bool:
        return self.invitation.uses >= self.invitation.max_uses


def invitations(*, actor: Principal, workspace_id: int, cursor: str | None, limit: int) -> Page[InvitationLine]:
    """Raises NotFoundError, ForbiddenError, InvalidError for the cursor."""
    page = workspaces.visible_invitations(actor=actor, workspace_id=workspace_id, cursor=cursor, limit=limit)
    names = _names(row.inviter_id for row in page.results)
    lines: Sequence[InvitationLine] = [InvitationLine(row, names.get(row.inviter_id, _GONE)) for row in page.results]
    return Page(lines, page.next_cursor)


def _names(user_ids: Iterable[int | None]) -> dict[int, str]:
    wanted = {user_id for user_id in user_ids if user_id is not None}
    return {user_id: user.name for user_id, user in accounts.users(wanted).items()}


def _member_id(target: str) -> int | None:
    number = target.removeprefix(_MEMBER)
    return int(number) if target.startswith(_MEMBER) and number.isascii() and number.isdigit() else None
