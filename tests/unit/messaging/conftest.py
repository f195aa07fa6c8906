"""A team with channels, and the real log, sequencer, store and broadcast of the embedded profile around it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.principal import Principal
from apps.conversations import registry as conversations
from apps.conversations.actions.create_channel import create_channel
from apps.conversations.actions.membership import add_members
from apps.conversations.models import Channel
from apps.core import registry as core
from apps.delivery.sequencer import Sequencer
from apps.eventlog import registry as eventlog
from apps.messaging import contents, rendering
from apps.messaging import registry as messaging
from apps.workspaces import keys
from tests.unit.accounts.fixtures import *  # noqa: F403 - fixtures
from tests.unit.workspaces.fixtures import *  # noqa: F403 - fixtures
from tests.unit.workspaces.fixtures import Team

_REGISTRIES = (
    conversations.members,
    core.facts,
    core.rate_limiter,
    eventlog.log,
    eventlog.broadcast,
    messaging.store,
)


@dataclass
class Scene:
    """owner, admin and member are in `public` and `private`; of the guest's they are in none but `theirs`."""

    team: Team
    public: int
    private: int
    theirs: int

    def __getattr__(self, role: str) -> Principal:
        if role not in self.team.users:
            raise AttributeError(role)
        return self.team.actor(role)


@pytest.fixture
def scene(transactional_db: None, team: Team) -> Scene:
    owner = team.actor("owner")

    def channel(name: str, kind: str, *roles: str) -> int:
        made: Channel = create_channel(actor=owner, workspace_id=team.id, name=name, kind=kind)
        add_members(actor=owner, channel_id=made.pk, user_ids=[team.user_id(role) for role in roles])
        return made.pk

    return Scene(
        team,
        channel("talk", "public", "admin", "member"),
        channel("secret", "private", "admin", "member"),
        channel("guests", "public", "guest", "member"),
    )


@pytest.fixture
async def rooms(settings: Any, tmp_path: Path) -> AsyncIterator[None]:
    """Fresh backends in an own directory; the sequencer does not run yet."""
    settings.LOG_URL = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    settings.STORE_URL = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    settings.LOG_PARTITIONS = 1
    settings.SEQUENCED_DEADLINE_S = 3.0
    _forget()
    await eventlog.log().setup()
    await messaging.store().setup()
    yield
    for backend in (eventlog.log(), messaging.store(), eventlog.broadcast()):
        await backend.close()
    _forget()


@pytest.fixture
async def sequencing(rooms: None) -> AsyncIterator[Sequencer]:
    sequencer = Sequencer(eventlog.log(), messaging.store(), eventlog.broadcast(), wants_followups=lambda _: False)
    running = asyncio.create_task(sequencer.run())
    yield sequencer
    await sequencer.stop()
    await running


def _forget() -> None:
    for registry in _REGISTRIES:
        registry.cache_clear()
    contents.forget()
    keys.forget()
    rendering.forget()
