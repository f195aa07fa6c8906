"""What every verb here begins with: who acts, with which role, on a workspace that nobody else changes meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from apps.accounts.policies import require_person
from apps.accounts.principal import Principal
from apps.core import registry
from apps.core.errors import ForbiddenError
from apps.workspaces import queries
from apps.workspaces.models import Member, Workspace


@contextmanager
def acting(actor: Principal, workspace_id: int) -> Iterator[Member]:
    """A transaction that holds the workspace's row, and the actor's active membership in it.

    The lock makes the roles that a check has seen those that its change meets, and orders the events of the workspace.
    Raises NotFoundError, ForbiddenError for bots.
    """
    require_person(actor)
    with transaction.atomic():
        lock(workspace_id)
        yield queries.membership(workspace_id, actor.user_id)


def lock(workspace_id: int) -> None:
    """For the rest of the transaction. On SQLite the transaction itself is the lock."""
    Workspace.objects.select_for_update().filter(id=workspace_id).values_list("id", flat=True).first()


def require(allowed: bool, detail: str = "Your role does not allow this.") -> None:  # noqa: FBT001 - reads as a sentence
    if not allowed:
        raise ForbiddenError(detail)


def role_changed(workspace_id: int, user_id: int) -> None:
    """After the commit no process may answer from the old role; to be called before the event is enqueued."""
    key = queries.role_key(workspace_id, user_id)
    transaction.on_commit(lambda: registry.facts().changed(key))
