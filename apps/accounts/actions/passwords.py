"""Passwords are changed with the old one, or with a link that only the address's owner can read."""

from django.db import transaction
from kombu.exceptions import OperationalError

from apps.accounts import limits, passwords, queries, tasks
from apps.accounts.actions.people import clean_email
from apps.accounts.actions.sessions import revoke_all_sessions
from apps.accounts.client import Client
from apps.accounts.models import User
from apps.accounts.policies import require_person
from apps.accounts.principal import Principal
from apps.core.errors import InvalidError, UnavailableError


def request_password_reset(*, email: str, client: Client) -> None:
    """Same answer and same work whether the address is known or not: a task finds that out later.

    Raises InvalidError for what is no address, RateLimitedError, UnavailableError when nothing takes the task.
    """
    limits.spend(limits.RESET_ADDRESS, client.network)
    address = clean_email(email)
    limits.spend(limits.RESET_ACCOUNT, address)
    try:
        tasks.send_password_reset.delay(address)
    except OperationalError as error:
        raise UnavailableError("Mail can't be sent just now.", retry_after=30) from error


def reset_password(*, uid: str, token: str, password: str, client: Client) -> User:
    """Every session ends, the thief's too. Raises InvalidError, RateLimitedError."""
    limits.spend(limits.SIGN_IN_ADDRESS, client.network)
    user = queries.user_of_reset(uid=uid, token=token)
    if user is None:
        raise _dead_link()
    passwords.require_good(password, user=user)
    new = passwords.hashed(password)
    with transaction.atomic():
        # The hash is part of the token: whoever comes second no longer finds the one that the link was made for.
        if not User.objects.filter(id=user.pk, password=user.password).update(password=new):
            raise _dead_link()
        revoke_all_sessions(user_id=user.pk)
    user.password = new
    return user


def _dead_link() -> InvalidError:
    text = "This link was used already or has expired. Ask for a new one."
    return InvalidError(text, errors={"token": [text]})


def change_password(*, actor: Principal, current: str, password: str) -> None:
    """Every other session ends. Raises InvalidError, ForbiddenError, RateLimitedError."""
    require_person(actor)
    user = User.objects.get(id=actor.user_id)
    limits.spend(limits.SIGN_IN_ACCOUNT, user.email or "")
    if not passwords.matches(user, current):
        raise InvalidError(errors={"current": ["That is not your password."]})
    passwords.require_good(password, user=user)
    new = passwords.hashed(password)
    with transaction.atomic():
        User.objects.filter(id=user.pk).update(password=new)
        revoke_all_sessions(user_id=user.pk, keep=actor.session_id)
