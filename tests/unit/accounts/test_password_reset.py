import re
from unittest.mock import patch

import pytest
from django.core import mail

from apps.accounts import actions, queries
from apps.accounts.models import AuthSession, User
from apps.core.errors import InvalidError, RateLimitedError, UnavailableError
from tests.unit.accounts.fixtures import CLIENT, PASSWORD

NEW = "a fresh start 2027"


def link(email: str) -> tuple[str, str]:
    actions.request_password_reset(email=email, client=CLIENT)
    found = re.search(r"/password/reset/([^/\s]+)/(\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1], found[2]


def test_a_link_changes_the_password_once_and_ends_every_session(ann):
    actions.open_api_session(user=ann, client=CLIENT)
    uid, token = link(ann.email.upper())
    assert mail.outbox[0].to == [ann.email]
    actions.reset_password(uid=uid, token=token, password=NEW, client=CLIENT)
    assert not AuthSession.objects.filter(revoked_at=None).exists()
    assert actions.sign_in(email=ann.email, password=NEW, client=CLIENT) == ann
    with pytest.raises(InvalidError):
        actions.reset_password(uid=uid, token=token, password=PASSWORD, client=CLIENT)


def test_nobody_learns_whether_an_address_is_known(ann):
    bot = actions.create_bot(name="Echo")
    User.objects.filter(id=bot.pk).update(is_active=True)
    with patch("apps.accounts.tasks.send_password_reset.delay") as delay:
        for email in (ann.email, "nobody@example.com"):
            actions.request_password_reset(email=email, client=CLIENT)
    assert [call.args for call in delay.call_args_list] == [(ann.email,), ("nobody@example.com",)]
    actions.request_password_reset(email="nobody@example.com", client=CLIENT)
    assert mail.outbox == []


def test_broken_foreign_and_old_links_do_nothing(ann, bob, settings):
    uid, token = link(ann.email)
    bobs_uid, _ = link(bob.email)
    for bad in [(uid, token[:-1] + "_"), (bobs_uid, token), ("\0", token), ("zz", token), ("x" * 500, token), ("", "")]:
        assert queries.user_of_reset(uid=bad[0], token=bad[1]) is None
        with pytest.raises(InvalidError):
            actions.reset_password(uid=bad[0], token=bad[1], password=NEW, client=CLIENT)
    settings.PASSWORD_RESET_TIMEOUT = -1
    with pytest.raises(InvalidError):
        actions.reset_password(uid=uid, token=token, password=NEW, client=CLIENT)
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def test_a_weak_password_leaves_the_link_good(ann):
    uid, token = link(ann.email)
    with pytest.raises(InvalidError) as raised:
        actions.reset_password(uid=uid, token=token, password="short", client=CLIENT)
    assert "password" in raised.value.extra["errors"]
    actions.reset_password(uid=uid, token=token, password=NEW, client=CLIENT)


@pytest.mark.django_db
def test_letters_to_one_address_are_limited_known_or_not():
    for _ in range(3):
        actions.request_password_reset(email="nobody@example.com", client=CLIENT)
    with pytest.raises(RateLimitedError) as raised:
        actions.request_password_reset(email="NOBODY@example.com", client=CLIENT)
    assert 0 < (raised.value.retry_after or 0) <= 300


def test_without_a_broker_the_caller_is_told_to_come_back():
    from kombu.exceptions import OperationalError

    with (
        patch("apps.accounts.tasks.send_password_reset.delay", side_effect=OperationalError),
        pytest.raises(UnavailableError),
    ):
        actions.request_password_reset(email="ann@example.com", client=CLIENT)
