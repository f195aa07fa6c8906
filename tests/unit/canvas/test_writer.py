"""Snapshots and versions, in a real database."""

from datetime import datetime, timedelta
from typing import Any

import pycrdt
import pytest

from apps.canvas import documents, queries, writer
from apps.canvas.models import Canvas, CanvasUpdate, CanvasVersion
from apps.conversations.actions import create_channel
from apps.core.clock import now
from apps.core.errors import TooLargeError
from tests.unit.workspaces.fixtures import Team

pytestmark = pytest.mark.django_db


class Pen:
    """Writes words into the canvas of one channel, at moments of its choice."""

    def __init__(self, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
        self.team = team
        self.channel_id = create_channel(actor=team.actor("owner"), workspace_id=team.id, name="notes").pk
        self.document: pycrdt.Doc[Any] = pycrdt.Doc()
        self.text = self.document.get("text", type=pycrdt.Text)
        self.moment = now()
        monkeypatch.setattr(writer, "now", self.time)

    def time(self) -> datetime:
        return self.moment

    def write(self, words: str, role: str = "owner") -> None:
        before = self.document.get_state()
        self.text.insert(len(self.text), words)
        update = self.document.get_update(before)
        writer.store(self.channel_id, self.team.id, [(self.team.user_id(role), update)])

    @property
    def stored(self) -> str:
        return read(queries.document(self.channel_id))

    @property
    def versions(self) -> list[tuple[int, list[str]]]:
        return list(CanvasVersion.objects.order_by("n").values_list("n", "editors"))


def read(update: bytes) -> str:
    document: pycrdt.Doc[Any] = pycrdt.Doc()
    document.apply_update(update)
    return str(document.get("text", type=pycrdt.Text))


@pytest.fixture
def pen(team: Team, monkeypatch: pytest.MonkeyPatch) -> Pen:
    return Pen(team, monkeypatch)


def test_nothing_yet(pen: Pen) -> None:
    assert queries.document(pen.channel_id) == documents.NOTHING


def test_updates_become_a_snapshot(pen: Pen) -> None:
    for index in range(writer.MERGE_EVERY + 3):
        pen.write(f"{index} ")
    assert pen.stored == str(pen.text)
    assert CanvasUpdate.objects.count() == 3
    canvas = Canvas.objects.get()
    assert (canvas.n, canvas.merged_n) == (writer.MERGE_EVERY + 3, writer.MERGE_EVERY)


def test_what_stood_before_a_pause_is_a_version(pen: Pen) -> None:
    pen.write("one ")
    pen.write("two ", role="admin")
    assert pen.versions == []
    pen.moment += writer.VERSION_EVERY
    pen.write("three ")
    owner, admin = (str(pen.team.user_id(role)) for role in ("owner", "admin"))
    assert pen.versions == [(2, sorted([owner, admin]))]
    writer.keep_version(pen.channel_id, pen.team.id)
    writer.keep_version(pen.channel_id, pen.team.id)
    assert pen.versions == [(2, sorted([owner, admin])), (3, [owner])]
    assert pen.stored == "one two three "


def test_old_versions_are_forgotten(pen: Pen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "VERSIONS_MAX", 2)
    for index in range(5):
        pen.write(f"{index} ")
        pen.moment += timedelta(hours=1)
    assert [n for n, _ in pen.versions] == [3, 4]


def test_a_full_canvas_takes_no_more_and_stays(pen: Pen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SIZE_MAX", 2000)
    pen.write("x" * 1500)
    with pytest.raises(TooLargeError):
        pen.write("y" * 1500)
    assert pen.stored == "x" * 1500


def test_at_rest_nothing_can_be_read(pen: Pen) -> None:
    pen.write("a secret plan")
    row = CanvasUpdate.objects.get()
    assert b"secret" not in bytes(row.sealed)
