from unittest.mock import patch

import pytest
from django.contrib.auth.hashers import check_password

from apps.accounts import actions, passwords
from apps.accounts.models import AuthSession, User
from apps.core.errors import ConflictError, InvalidError, RateLimitedError, UnauthenticatedError
from tests.unit.accounts.fixtures import CLIENT, PASSWORD, person

GOOD = {"email": "Ann@Example.COM", "password": PASSWORD, "name": " Ann Lee "}


@pytest.mark.django_db
def test_sign_up_stores_a_canonical_address_and_no_password():
    user = actions.sign_up(**GOOD, client=CLIENT)
    user.refresh_from_db()
    assert (user.email, user.name, user.is_bot) == ("ann@example.com", "Ann Lee", False)
    assert PASSWORD not in user.password


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "ann"}, "email"),
        ({"email": "ann@example.com\0"}, "email"),
        ({"email": "a" * 300 + "@example.com"}, "email"),
        ({"name": "  "}, "name"),
        ({"name": "\u200b"}, "name"),
        ({"name": "Ann\nLee"}, "name"),
        ({"name": "Ann\u202eLee"}, "name"),
        ({"name": "x" * 1_000_000}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "ann@example.com"}, "password"),
        ({"password": "password123"}, "password"),
        ({"password": "x" * 1_000_000}, "password"),
        ({"password": PASSWORD + "\ud800"}, "password"),
    ],
)
def test_bad_sign_ups_name_the_field_and_change_nothing(change, field):
    with pytest.raises(InvalidError) as raised:
        actions.sign_up(**(GOOD | change), client=CLIENT)
    assert list(raised.value.extra["errors"]) == [field]
    assert not User.objects.exists()


@pytest.mark.django_db
def test_an_address_has_one_account_in_any_case():
    actions.sign_up(**GOOD, client=CLIENT)
    with pytest.raises(ConflictError):
        actions.sign_up(**(GOOD | {"email": "aNN@example.com"}), client=CLIENT)
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_sign_ups_that_race_meet_the_constraint(ann):
    with patch.object(type(User.objects.all()), "exists", return_value=False), pytest.raises(ConflictError):
        actions.sign_up(**(GOOD | {"email": ann.email}), client=CLIENT)


@pytest.mark.django_db
def test_wrong_password_unknown_address_and_closed_account_look_and_work_the_same(ann, bob):
    User.objects.filter(id=bob.pk).update(is_active=False)
    answers = set()
    for email, password in [(ann.email, "wrong"), ("nobody@example.com", PASSWORD), (bob.email, PASSWORD)]:
        with (
            patch("apps.accounts.passwords.check_password", wraps=check_password) as hashed,
            pytest.raises(UnauthenticatedError) as raised,
        ):
            actions.sign_in(email=email, password=password, client=CLIENT)
        assert hashed.call_count == 1
        answers.add(raised.value.detail)
    assert len(answers) == 1
    assert actions.sign_in(email=f" {ann.email.upper()} ", password=PASSWORD, client=CLIENT) == ann


@pytest.mark.django_db
def test_bots_and_null_bytes_do_not_sign_in():
    bot = actions.create_bot(name="Echo")
    assert not passwords.matches(bot, "")
    for email in ("a\0b@example.com", "\ud800@example.com"):
        with pytest.raises(UnauthenticatedError):
            actions.sign_in(email=email, password="\0", client=CLIENT)


@pytest.mark.django_db
def test_guessing_is_limited_per_account_from_any_address(ann):
    from apps.accounts.client import Client

    for number in range(10):
        with pytest.raises(UnauthenticatedError):
            actions.sign_in(email=ann.email, password="wrong", client=Client(ip=f"198.51.100.{number}"))
    with pytest.raises(RateLimitedError) as raised:
        actions.sign_in(email=ann.email, password=PASSWORD, client=Client(ip="198.51.100.99"))
    assert 0 < (raised.value.retry_after or 0) <= 12


@pytest.mark.django_db
def test_guessing_is_limited_per_address_over_any_accounts():
    for number in range(30):
        with pytest.raises(UnauthenticatedError):
            actions.sign_in(email=f"{number}@example.com", password="wrong", client=CLIENT)
    with pytest.raises(RateLimitedError):
        actions.sign_in(email="31@example.com", password="wrong", client=CLIENT)


@pytest.mark.django_db
def test_an_ipv6_subscriber_is_one_address():
    from apps.accounts.client import Client

    assert Client(ip="2001:db8::1").network == Client(ip="2001:db8::ffff").network
    assert Client(ip="2001:db8::1").network != Client(ip="2001:db8:0:1::1").network


def test_only_so_many_passwords_are_hashed_at_once():
    from apps.core.errors import UnavailableError

    held = [passwords._slots.acquire(blocking=False) for _ in range(passwords._PARALLEL)]
    try:
        assert all(held)
        with patch.object(passwords, "_PATIENCE_S", 0.01), pytest.raises(UnavailableError):
            passwords.hashed(PASSWORD)
    finally:
        for _ in held:
            passwords._slots.release()


@pytest.mark.django_db
def test_changing_the_password_needs_the_old_one_and_ends_the_other_sessions(ann):
    mine = actions.open_api_session(user=ann, client=CLIENT)
    actions.open_api_session(user=ann, client=CLIENT)
    from apps.accounts.principal import Principal

    me = Principal(user_id=ann.pk, session_id=mine.session_id)
    with pytest.raises(InvalidError) as raised:
        actions.change_password(actor=me, current="wrong", password="another good one 9")
    assert "current" in raised.value.extra["errors"]
    assert AuthSession.objects.filter(revoked_at=None).count() == 2
    actions.change_password(actor=me, current=PASSWORD, password="another good one 9")
    assert list(AuthSession.objects.filter(revoked_at=None).values_list("id", flat=True)) == [mine.session_id]
    assert actions.sign_in(email=ann.email, password="another good one 9", client=CLIENT) == ann


@pytest.mark.django_db
def test_a_name_can_be_changed(ann):
    assert actions.change_name(actor=person(ann), name="Ann L.").name == "Ann L."
