"""Sign-up, sign-in, and what people call themselves."""

from datetime import datetime
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts import limits, passwords
from apps.accounts.client import Client
from apps.accounts.models import User
from apps.accounts.policies import require_person, require_scope
from apps.accounts.principal import Principal
from apps.accounts.sizes import EMAIL_MAX, NAME_MAX, STATUS_TEXT_MAX, TIMEZONE_MAX
from apps.core.errors import ConflictError, InvalidError, UnauthenticatedError
from apps.core.text import clean_line, storable


def clean_email(value: str, *, field: str = "email") -> str:
    """The form in which addresses are stored and compared. Raises InvalidError naming `field`."""
    email = clean_line(value, field=field, max_chars=EMAIL_MAX).lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidError(errors={field: ["Not an e-mail address."]}) from error
    return email


def clean_name(value: str, *, field: str = "name") -> str:
    return clean_line(value, field=field, max_chars=NAME_MAX)


def sign_up(*, email: str, password: str, name: str, client: Client) -> User:
    """Raises InvalidError, ConflictError when the address has an account, RateLimitedError."""
    limits.spend(limits.SIGN_UP_ADDRESS, client.network)
    user = User(**_cleaned(email=email, name=name))
    passwords.require_good(password, user=user)
    if User.objects.filter(email=user.email).exists():
        raise _taken()
    user.password = passwords.hashed(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise _taken() from error
    return user


def _cleaned(*, email: str, name: str) -> dict[str, str]:
    errors: dict[str, list[str]] = {}
    values: dict[str, str] = {}
    for field, clean, value in (("email", clean_email, email), ("name", clean_name, name)):
        try:
            values[field] = clean(value)
        except InvalidError as error:
            errors |= error.extra["errors"]
    if errors:
        raise InvalidError(errors=errors)
    return values


def _taken() -> ConflictError:
    text = _("There is an account with this address already.")
    return ConflictError(text, errors={"email": [text]})


def sign_in(*, email: str, password: str, client: Client) -> User:
    """One error for an unknown address, a wrong password and a closed account, after the same work.

    Raises UnauthenticatedError, RateLimitedError.
    """
    limits.spend(limits.SIGN_IN_ADDRESS, client.network)
    address = email.strip().lower()[:EMAIL_MAX]
    limits.spend(limits.SIGN_IN_ACCOUNT, address)
    user = User.objects.filter(email=address).first() if storable(address) else None
    if not passwords.matches(user, password) or user is None or not user.is_active:
        raise UnauthenticatedError("The address or the password is wrong.")
    return user


def change_name(*, actor: Principal, name: str) -> User:
    """Raises InvalidError, ForbiddenError."""
    require_person(actor)
    user = User.objects.get(id=actor.user_id)
    user.name = clean_name(name)
    user.save(update_fields=["name"])
    return user


def change_locale(
    *,
    actor: Principal,
    language: str | None = None,
    language_automatic: bool | None = None,
    timezone: str | None = None,
    timezone_automatic: bool | None = None,
) -> User:
    """What is left out stays. A language of settings.LANGUAGES, a name of the tz database; automatic says that the
    client reports the browser's. Raises InvalidError, ForbiddenError.
    """
    require_person(actor)
    errors: dict[str, list[str]] = {}
    if timezone is not None and (len(timezone) > TIMEZONE_MAX or timezone not in available_timezones()):
        errors["timezone"] = [_("Not a time zone, as Europe/Berlin.")]
    if language is not None and language not in dict(settings.LANGUAGES):
        errors["language"] = [_("Not a language that is spoken here.")]
    if errors:
        raise InvalidError(errors=errors)
    changes = {
        "language": language,
        "language_automatic": language_automatic,
        "timezone": timezone,
        "timezone_automatic": timezone_automatic,
    }
    wanted = {name: value for name, value in changes.items() if value is not None}
    user = User.objects.get(id=actor.user_id)
    for name, value in wanted.items():
        setattr(user, name, value)
    user.save(update_fields=list(wanted))
    return user


def mark_toured(*, actor: Principal, toured: bool) -> User:
    """Raises ForbiddenError."""
    require_person(actor)
    user = User.objects.get(id=actor.user_id)
    user.toured = toured
    user.save(update_fields=["toured"])
    return user


def change_status(*, actor: Principal, emoji: str, text: str, expires_at: datetime | None) -> User:
    """`emoji` is one that was checked, or "". Inside a transaction. Raises InvalidError, ForbiddenError."""
    require_scope(actor, "status:write")
    text = clean_line(text, field="text", max_chars=STATUS_TEXT_MAX, required=False)
    if not emoji and not text:
        raise InvalidError(errors={"text": ["A status has an emoji or a text."]})
    return _write_status(actor, emoji, text, expires_at)


def clear_status(*, actor: Principal) -> User:
    """Inside a transaction. Raises ForbiddenError."""
    require_scope(actor, "status:write")
    return _write_status(actor, "", "", None)


def _write_status(actor: Principal, emoji: str, text: str, expires_at: datetime | None) -> User:
    user = User.objects.select_for_update().get(id=actor.user_id)
    user.status_emoji, user.status_text, user.status_expires_at = emoji, text, expires_at
    user.save(update_fields=["status_emoji", "status_text", "status_expires_at"])
    return user
