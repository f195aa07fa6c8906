"""What was fetched is kept sealed, for one workspace, and shown until somebody takes it away."""

import pytest

from apps.previews.actions import fetch_previews
from apps.previews.fetch import RefusedError
from apps.previews.models import HiddenPreview, LinkPreview
from apps.previews.queries import known_cards
from tests.unit.accounts.fixtures import *  # noqa: F403 - fixtures
from tests.unit.workspaces.fixtures import *  # noqa: F403 - fixtures
from tests.unit.workspaces.fixtures import Team

GOOD, BAD = "https://good.example/page", "https://bad.example/"


def test_fetched_once_and_sealed(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def fetch(url: str) -> tuple[str, str]:
        fetched.append(url)
        if url == BAD:
            raise RefusedError("not a public address")
        return url, "<title>A secret title</title><meta name=description content='What it says'>"

    monkeypatch.setattr("apps.previews.actions.fetch", fetch)
    for _ in range(2):
        fetch_previews(workspace_id=team.id, links=[GOOD, BAD], message_id=5)
    assert fetched == [GOOD, BAD]
    known = known_cards(team.id, [GOOD, BAD], 5)
    assert known is not None
    card = known[GOOD]
    assert card is not None
    assert (card.url, card.title, card.text, card.site) == (GOOD, "A secret title", "What it says", "good.example")
    assert known[BAD] is None
    assert known_cards(team.id + 1, [GOOD], 5) == {}
    for row in LinkPreview.objects.all():
        assert b"secret" not in bytes(row.sealed or b"")
        assert "example" not in row.digest
    HiddenPreview.objects.create(message_id=5)
    assert known_cards(team.id, [GOOD], 5) is None
    assert known_cards(team.id, [GOOD], 6) is not None
