from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync

from apps.accounts.models import User
from apps.presence.backends.presence_memory import MemoryPresence
from apps.presence.models import Settings
from apps.presence.ports import PresenceUnavailableError
from apps.presence.queries import states

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def person(name: str) -> int:
    return User.objects.create(email=f"{name}@example.org", name=name, timezone="America/New_York").pk


def test_states_join_who_is_here_with_what_was_set(presence: MemoryPresence, django_assert_num_queries) -> None:
    ada, bela, cleo = person("ada"), person("bela"), person("cleo")
    async_to_sync(presence.beat)("g", lease_s=30)
    async_to_sync(presence.put)("g", {ada: "online", bela: "online"})
    Settings.objects.create(user_id=bela, away=True, dnd_until=NOW + timedelta(hours=1))
    Settings.objects.create(user_id=cleo, dnd_start=6 * 60, dnd_end=8 * 60, dnd_days=[0])
    with django_assert_num_queries(2):
        found = states([ada, bela, cleo, ada], at=NOW)
    assert {user_id: (one.state, one.dnd, one.active_device) for user_id, one in found.items()} == {
        ada: ("online", False, True),
        bela: ("away", True, True),
        cleo: ("offline", True, False),  # seven in the morning in New York
    }


def test_everyone_is_offline_while_the_backend_does_not_answer(presence: MemoryPresence, monkeypatch) -> None:
    def refuse(_: object) -> None:
        raise PresenceUnavailableError

    monkeypatch.setattr(presence, "read_now", refuse)
    ada = person("ada")
    Settings.objects.create(user_id=ada, dnd_until=NOW + timedelta(hours=1))
    found = states([ada, 5], at=NOW)
    assert [one.state for one in found.values()] == ["offline", "offline"]
    assert found[ada].dnd, "what was set is known all the same"


def test_more_people_than_one_call_takes(presence: MemoryPresence) -> None:
    assert len(states(range(1, 1201), at=NOW)) == 1200
