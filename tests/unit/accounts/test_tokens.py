import base64
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import jwt
import pytest
from django.test import Client as Browser

from apps.accounts import actions, queries, upkeep
from apps.accounts.models import AuthSession, BotToken, RefreshToken
from apps.accounts.principal import Principal
from apps.core.clock import now
from apps.core.errors import ConflictError, InvalidError, NotFoundError, RateLimitedError, UnauthenticatedError
from slackclone import keys
from tests.unit.accounts.fixtures import CLIENT, person


@pytest.fixture
def pair(ann):
    return actions.open_api_session(user=ann, client=CLIENT)


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def test_an_access_token_names_user_and_session(ann, pair):
    principal = queries.authenticate_token(pair.access)
    assert (principal.user_id, principal.session_id) == (ann.pk, pair.session_id)
    assert (principal.is_bot, principal.scopes) == (False, None)
    assert claims_of(pair.access)["exp"] - claims_of(pair.access)["iat"] == 900 == pair.expires_in
    assert "kid" in jwt.get_unverified_header(pair.access)


def test_forged_tokens_prove_nothing(ann, pair, settings):
    claims = claims_of(pair.access)
    kid, _, value = settings.JWT_KEYS.rpartition(",")[2].partition(":")
    key = base64.b64decode(value)

    def forged(*, key=key, algorithm="HS256", kid=kid, **changes):
        kept = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode(kept, key, algorithm=algorithm, headers={"kid": kid} if kid else {})

    assert queries.authenticate_token(forged()).user_id == ann.pk
    past = int((now() - timedelta(minutes=1)).timestamp())
    for bad in [
        forged(key=b"x" * 32),
        forged(key=None, algorithm="none"),
        forged(key=key * 2, algorithm="HS512"),
        forged(kid="99"),
        forged(kid=None),
        forged(exp=past),
        forged(exp=None),
        forged(iss="https://elsewhere.example"),
        forged(aud="elsewhere"),
        forged(sub="1"),
        forged(sid="1"),
        forged(sid=None),
        forged(sid="x"),
        pair.access[:-2],
        pair.access + "\ud800",
        "a.b.c",
        "",
        "x" * 100_000,
        pair.refresh,
        "scb_" + "x" * 40,
    ]:
        with pytest.raises(UnauthenticatedError):
            queries.authenticate_token(bad)


def test_keys_rotate_without_ending_a_session(pair, settings):
    settings.JWT_KEYS = f"{settings.JWT_KEYS},k2:{keys.new_key()}"
    assert queries.authenticate_token(pair.access).session_id == pair.session_id
    renewed = actions.refresh_tokens(refresh=pair.refresh, client=CLIENT)
    assert jwt.get_unverified_header(renewed.access)["kid"] == "k2"
    settings.JWT_KEYS = settings.JWT_KEYS.rpartition(",")[2]
    assert queries.authenticate_token(renewed.access).session_id == pair.session_id
    with pytest.raises(UnauthenticatedError):
        queries.authenticate_token(pair.access)


def test_refresh_tokens_rotate(pair):
    second = actions.refresh_tokens(refresh=pair.refresh, client=CLIENT)
    third = actions.refresh_tokens(refresh=second.refresh, client=CLIENT)
    assert third.session_id == pair.session_id
    assert len({pair.refresh, second.refresh, third.refresh}) == 3
    assert queries.authenticate_token(third.access).session_id == pair.session_id


def test_a_refresh_token_used_twice_ends_the_session_for_both(pair):
    second = actions.refresh_tokens(refresh=pair.refresh, client=CLIENT)
    with pytest.raises(UnauthenticatedError):
        actions.refresh_tokens(refresh=pair.refresh, client=CLIENT)
    with pytest.raises(UnauthenticatedError):
        actions.refresh_tokens(refresh=second.refresh, client=CLIENT)
    with pytest.raises(UnauthenticatedError):
        queries.authenticate_token(second.access)
    assert AuthSession.objects.get(id=pair.session_id).revoked_at is not None


def test_refresh_tokens_expire_and_are_stored_as_hashes(pair):
    token = RefreshToken.objects.get()
    assert pair.refresh not in token.token_hash
    RefreshToken.objects.update(expires_at=now())
    with pytest.raises(UnauthenticatedError):
        actions.refresh_tokens(refresh=pair.refresh, client=CLIENT)
    with pytest.raises(UnauthenticatedError):
        actions.refresh_tokens(refresh="scr_\ud800", client=CLIENT)


def test_refreshing_one_session_is_limited(pair):
    for _ in range(20):
        pair = actions.refresh_tokens(refresh=pair.refresh, client=CLIENT)
    with pytest.raises(RateLimitedError):
        actions.refresh_tokens(refresh=pair.refresh, client=CLIENT)


def test_a_program_that_signs_in_again_and_again_keeps_a_bounded_number_of_sessions(ann):
    with patch("apps.accounts.actions.sessions.MAX_API_SESSIONS", 3):
        pairs = [actions.open_api_session(user=ann, client=CLIENT) for _ in range(5)]
    live = set(AuthSession.objects.filter(revoked_at=None).values_list("id", flat=True))
    assert live == {pair.session_id for pair in pairs[-3:]}


@pytest.fixture
def bot(db):
    return actions.create_bot(name="Echo")


def test_bot_tokens_prove_a_bot_with_its_scopes(bot):
    token, secret = actions.issue_bot_token(user_id=bot.pk, name="prod", scopes=["messages:read", "messages:write"])
    assert secret.startswith("scb_")
    assert len(secret) == 44
    assert secret not in str(BotToken.objects.values().get())
    principal = queries.authenticate_token(secret)
    assert (principal.user_id, principal.is_bot, principal.session_id) == (bot.pk, True, token.pk)
    assert principal.scopes == frozenset({"messages:read", "messages:write"})


def test_a_revoked_bot_token_proves_nothing(bot, ann):
    token, secret = actions.issue_bot_token(user_id=bot.pk, name="prod", scopes=["messages:read"])
    with pytest.raises(NotFoundError):
        actions.revoke_bot_token(user_id=ann.pk, token_id=token.pk)
    assert queries.authenticate_token(secret).session_id == token.pk
    actions.revoke_bot_token(user_id=bot.pk, token_id=token.pk)
    with pytest.raises(UnauthenticatedError):
        queries.authenticate_token(secret)
    with pytest.raises(NotFoundError):
        actions.revoke_bot_token(user_id=bot.pk, token_id=token.pk)


def test_a_retired_bot_acts_no_more(bot):
    _, secret = actions.issue_bot_token(user_id=bot.pk, name="prod", scopes=["messages:read"])
    actions.retire_bot(user_id=bot.pk)
    with pytest.raises(UnauthenticatedError):
        queries.authenticate_token(secret)
    with pytest.raises(NotFoundError):
        actions.issue_bot_token(user_id=bot.pk, name="prod", scopes=["messages:read"])


def test_bot_tokens_are_checked_and_bounded(bot, ann):
    for scopes in ([], ["everything"]):
        with pytest.raises(InvalidError):
            actions.issue_bot_token(user_id=bot.pk, name="x", scopes=scopes)
    with pytest.raises(NotFoundError):
        actions.issue_bot_token(user_id=ann.pk, name="x", scopes=["messages:read"])
    assert not BotToken.objects.exists()
    for _ in range(20):
        actions.issue_bot_token(user_id=bot.pk, name="x", scopes=["messages:read"])
    with pytest.raises(ConflictError):
        actions.issue_bot_token(user_id=bot.pk, name="x", scopes=["messages:read"])


def test_who_holds_connections_can_ask_which_proofs_ended(ann, bot, pair):
    token, _ = actions.issue_bot_token(user_id=bot.pk, name="x", scopes=["messages:read"])
    other = actions.open_api_session(user=ann, client=CLIENT)
    proofs = [pair.session_id, token.pk, other.session_id, 12345]
    assert queries.ended(proofs) == {12345}
    actions.revoke_all_sessions(user_id=ann.pk, keep=other.session_id)
    actions.revoke_bot_tokens(user_id=bot.pk)
    assert queries.ended(proofs) == {12345, pair.session_id, token.pk}


def test_what_ended_long_ago_is_purged_and_the_rest_stays(ann, pair):
    old = actions.open_api_session(user=ann, client=CLIENT)
    AuthSession.objects.filter(id=old.session_id).update(revoked_at=now() - timedelta(days=8))
    assert upkeep.purge_ended() == 2
    assert AuthSession.objects.get().pk == pair.session_id
    assert upkeep.purge_ended() == 0
    assert upkeep.purge_ended(at=now() + timedelta(days=60)) == 2


def test_many_proofs_are_looked_up_at_once_and_a_bad_one_harms_no_other(
    ann, bob, bot, pair, django_assert_max_num_queries
):
    theirs = actions.open_api_session(user=bob, client=CLIENT)
    _, secret = actions.issue_bot_token(user_id=bot.pk, name="prod", scopes=["messages:read"])
    ended = actions.open_api_session(user=bob, client=CLIENT)
    actions.revoke_session(actor=person(bob), session_id=ended.session_id)
    bad = ["", "nonsense", "scb_\ud800", "a.b.c", pair.access[:-4] + "AAAA", "scb_" + "x" * 40]
    with django_assert_max_num_queries(2):
        found = queries.authenticate_tokens([*bad, pair.access, ended.access, secret, theirs.access])
    assert {token: answer.user_id for token, answer in found.items() if isinstance(answer, Principal)} == {
        pair.access: ann.pk,
        theirs.access: bob.pk,
        secret: bot.pk,
    }
    assert all(isinstance(found[token], UnauthenticatedError) for token in (*bad, ended.access))


def test_many_cookies_too(ann, bob, django_assert_max_num_queries):
    keys: dict[int, str] = {}
    for user in (ann, bob):
        browser = Browser()
        browser.force_login(user)
        keys[user.pk] = str(browser.session.session_key)
        actions.open_browser_session(user=user, session_key=keys[user.pk], client=CLIENT)
    orphan = Browser()
    orphan.force_login(ann)
    bad = ["", "\x00", "\ud800", "x" * 32, str(orphan.session.session_key)]
    with django_assert_max_num_queries(2):
        found = queries.authenticate_cookies([*bad, *keys.values()])
    assert {key: answer.user_id for key, answer in found.items() if isinstance(answer, Principal)} == {
        key: user_id for user_id, key in keys.items()
    }
    bob.set_password("another password 8 now")
    bob.save()
    with pytest.raises(UnauthenticatedError):
        queries.authenticate_cookie(keys[bob.pk])
    assert queries.authenticate_cookie(keys[ann.pk]).user_id == ann.pk
