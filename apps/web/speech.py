"""The language of pages and answers: the one that the person chose, else the browser's.

A cookie carries the choice, so that no request asks the database for it; Django's LocaleMiddleware reads it.
"""

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation

if TYPE_CHECKING:
    from apps.accounts.models import User

_YEAR_S = 365 * 86_400


def speak(request: HttpRequest, user: "User") -> None:
    """For a page that is rendered now, whatever the cookie says: the choice may be another device's."""
    if chosen := _chosen(user):
        translation.activate(chosen)
        request.LANGUAGE_CODE = chosen


def remember(answer: HttpResponseBase, user: "User") -> None:
    name, path = settings.LANGUAGE_COOKIE_NAME, settings.LANGUAGE_COOKIE_PATH
    if chosen := _chosen(user):
        answer.set_cookie(
            name, chosen, max_age=_YEAR_S, path=path, secure=settings.SESSION_COOKIE_SECURE, samesite="Lax"
        )
    else:
        answer.delete_cookie(name, path=path, samesite="Lax")


def _chosen(user: "User") -> str:
    return "" if user.language_automatic else user.language
