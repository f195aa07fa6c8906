import pytest

from apps.accounts import actions, queries
from apps.accounts.models import AuthSession
from apps.accounts.principal import Principal
from apps.core.errors import ForbiddenError, NotFoundError
from apps.eventlog.events import Batch
from tests.unit.accounts.fixtures import CLIENT, person


class Heard:
    """Stands where the broadcast stands, and remembers."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    async def publish(self, batch: Batch) -> None:
        self.batches.append(batch)


@pytest.fixture
def heard(monkeypatch):
    heard = Heard()
    monkeypatch.setattr("apps.eventlog.registry.broadcast", lambda: heard)
    return heard


def test_revoking_cuts_the_sockets_after_the_commit(ann, heard, django_capture_on_commit_callbacks):
    pair = actions.open_api_session(user=ann, client=CLIENT)
    with django_capture_on_commit_callbacks() as callbacks:
        actions.revoke_session(actor=person(ann), session_id=pair.session_id)
    assert heard.batches == []
    for callback in callbacks:
        callback()
    (batch,) = heard.batches
    assert batch.stream == f"u:{ann.pk}"
    assert [(what.type, what.key) for what in batch.ephemeral] == [("session.revoked", str(pair.session_id))]


def test_a_bot_token_is_cut_by_its_own_id(db, heard, django_capture_on_commit_callbacks):
    bot = actions.create_bot(name="Echo")
    token, _ = actions.issue_bot_token(user_id=bot.pk, name="x", scopes=["messages:read"])
    with django_capture_on_commit_callbacks(execute=True):
        actions.revoke_bot_token(user_id=bot.pk, token_id=token.pk)
    assert heard.batches[0].ephemeral[0].key == str(token.pk)


def test_nobody_revokes_the_session_of_another(ann, bob):
    pair = actions.open_api_session(user=ann, client=CLIENT)
    with pytest.raises(NotFoundError):
        actions.revoke_session(actor=person(bob), session_id=pair.session_id)
    assert AuthSession.objects.get().revoked_at is None


def test_a_session_ends_once(ann):
    pair = actions.open_api_session(user=ann, client=CLIENT)
    actions.revoke_session(actor=person(ann), session_id=pair.session_id)
    with pytest.raises(NotFoundError):
        actions.revoke_session(actor=person(ann), session_id=pair.session_id)


def test_bots_have_no_sessions_to_end(ann):
    pair = actions.open_api_session(user=ann, client=CLIENT)
    bot = Principal(user_id=ann.pk, session_id=pair.session_id, is_bot=True, scopes=frozenset({"messages:read"}))
    for verb in (lambda: actions.sign_out(actor=bot), lambda: actions.change_name(actor=bot, name="x")):
        with pytest.raises(ForbiddenError):
            verb()
    assert AuthSession.objects.get().revoked_at is None


def test_the_list_is_paged_newest_first_and_knows_only_live_ones(ann, bob):
    made = [actions.open_api_session(user=ann, client=CLIENT).session_id for _ in range(4)]
    actions.open_api_session(user=bob, client=CLIENT)
    actions.revoke_session(actor=person(ann), session_id=made.pop(1))
    first = queries.sessions(ann.pk, cursor=None, limit=2)
    rest = queries.sessions(ann.pk, cursor=first.next_cursor, limit=2)
    assert [row.pk for row in [*first.results, *rest.results]] == made[::-1]
    assert rest.next_cursor is None
