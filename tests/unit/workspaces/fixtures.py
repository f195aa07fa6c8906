from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from apps.accounts.models import User
from apps.accounts.principal import Principal
from apps.eventlog.events import decode_envelope
from apps.eventlog.models import OutboxRow
from apps.workspaces import actions
from apps.workspaces.actions.joining import add_member
from apps.workspaces.models import AuditEntry, Member, Workspace
from tests.unit.accounts.fixtures import MakeUser


class Team:
    """A workspace with one person in each role, and what its actions left behind since it was made."""

    def __init__(self, make_user: MakeUser) -> None:
        self.users = {role: make_user(f"The {role.title()}") for role in ("owner", "admin", "member", "guest")}
        created = actions.create_workspace(actor=self.actor("owner"), name="Acme")
        self.workspace: Workspace = created.workspace
        self.id = self.workspace.pk
        from django.db import transaction

        with transaction.atomic():
            for role in ("admin", "member", "guest"):
                add_member(workspace=self.workspace, user=self.users[role], role=role, actor_id=self.users["owner"].pk)
        self.forget()

    def actor(self, role: str) -> Principal:
        return Principal(user_id=self.users[role].pk)

    def user_id(self, role: str) -> int:
        return self.users[role].pk

    def member(self, role: str) -> Member:
        return Member.objects.get(workspace_id=self.id, user=self.users[role])

    def forget(self) -> None:
        OutboxRow.objects.all().delete()
        AuditEntry.objects.all().delete()

    def audit(self) -> list[tuple[str, str]]:
        return list(AuditEntry.objects.order_by("id").values_list("action", "target"))

    def unchanged(self) -> bool:
        return not OutboxRow.objects.exists() and not AuditEntry.objects.exists()


def events() -> list[tuple[str, str, dict[str, Any]]]:
    """(stream, type, body) of what waits in the outbox."""
    found = []
    for row in OutboxRow.objects.order_by("id"):
        envelope = decode_envelope(bytes(row.value))
        found.append((row.stream, envelope.type, msgspec.msgpack.decode(envelope.body)))
    return found


@pytest.fixture
def team(make_user: Callable[..., User]) -> Team:
    return Team(make_user)
