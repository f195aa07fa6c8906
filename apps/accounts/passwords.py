"""Argon2, a bounded number at a time: one hash takes about 100 MB and a tenth of a second of a core.

Called from worker threads only (sync views, tasks), never on the event loop.
"""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth import password_validation
from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError

from apps.accounts.models import User
from apps.accounts.sizes import PASSWORD_MAX
from apps.core.errors import InvalidError, UnavailableError
from apps.core.text import storable

_PARALLEL = max(2, os.cpu_count() or 2)
_PATIENCE_S = 5.0
_slots = threading.BoundedSemaphore(_PARALLEL)


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(timeout=_PATIENCE_S):
        raise UnavailableError("Too many people sign in at this moment.", retry_after=5)
    try:
        yield
    finally:
        _slots.release()


def hashed(raw: str) -> str:
    with _slot():
        return make_password(raw)


@functools.cache
def _nobody() -> str:
    return make_password("nobody has this password")


def matches(user: User | None, raw: str) -> bool:
    """Takes as long for nobody, and for a user without a password, as for somebody."""
    if len(raw) > PASSWORD_MAX or not storable(raw):
        raw = ""
    real = user is not None and user.has_usable_password()
    with _slot():
        found = check_password(raw, user.password if user is not None and real else _nobody())
    return real and found


def require_good(raw: str, *, user: User | None, field: str = "password") -> None:
    """Raises InvalidError naming `field`. `user` (may be unsaved) lends the words that it must not resemble."""
    if len(raw) > PASSWORD_MAX:
        raise InvalidError(errors={field: [f"At most {PASSWORD_MAX} characters."]})
    if not storable(raw):
        raise InvalidError(errors={field: ["This password has characters that can't be stored."]})
    try:
        password_validation.validate_password(raw, user)
    except ValidationError as error:
        raise InvalidError(errors={field: list(error.messages)}) from error
