"""Becoming a member, however it came about."""

import itertools

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.core.errors import ConflictError
from apps.eventlog import outbox, streams
from apps.eventlog.events import Event
from apps.workspaces import events, handles
from apps.workspaces.actions.standing import role_changed
from apps.workspaces.models import Group, Member, Workspace

MAX_WORKSPACES = 100
_TRIES = 20


def require_room_for_another(user_id: int) -> None:
    if Member.objects.filter(user_id=user_id, active=True).count() >= MAX_WORKSPACES:
        raise ConflictError(f"One person is in at most {MAX_WORKSPACES} workspaces.")


def add_member(*, workspace: Workspace, user: User, role: str, actor_id: int) -> Member:
    """Inside a transaction that holds the workspace."""
    member = Member(workspace=workspace, user=user, role=role)
    names = handles.suggestions(name=user.name, email=user.email)
    base = next(names)
    taken = set(
        Member.objects.filter(workspace=workspace, handle__startswith=base[:20]).values_list("handle", flat=True)[
            :10_000
        ]
    )
    taken |= set(
        Group.objects.filter(workspace=workspace, handle__startswith=base[:20]).values_list("handle", flat=True)
    )
    free = (name for name in itertools.chain([base], names) if name not in taken)
    for name in itertools.islice(free, _TRIES):
        member.handle = name
        try:
            with transaction.atomic():
                member.save(force_insert=True)
        except IntegrityError:
            continue
        announce(member, events.MemberJoined, actor_id=actor_id)
        return member
    raise ConflictError("No free handle was found.")


def announce(member: Member, kind: type[events.MemberJoined] | type[events.MemberUpdated], *, actor_id: int) -> None:
    """To the workspace, and to the user when it is a coming or going. `member.user` is loaded."""
    role_changed(member.workspace_id, member.user_id)
    _enqueue(streams.workspace(member.workspace_id), events.of_member(kind, member), member, actor_id)
    if kind is events.MemberJoined:
        tell_user(member, events.WorkspaceJoined, actor_id=actor_id)


def tell_user(
    member: Member, kind: type[events.WorkspaceJoined] | type[events.WorkspaceLeft], *, actor_id: int
) -> None:
    _enqueue(streams.user(member.user_id), kind(workspace_id=str(member.workspace_id)), member, actor_id)


def _enqueue(stream: str, event: Event, member: Member, actor_id: int) -> None:
    outbox.enqueue(stream=stream, event=event, actor_id=actor_id, workspace_id=member.workspace_id)
