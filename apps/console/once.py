"""Secrets that are shown once, on the page after the one that made them.

They cross the redirect in a signed cookie of that page's path, so that nothing here keeps one: the secret goes to the
browser that is about to show it, for two minutes at most, and the page that shows it deletes the cookie.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_COOKIE = "console_once"
_SECONDS = 120


def hand_over(response: HttpResponse, secret: str, *, path: str, user_id: int) -> None:
    response.set_signed_cookie(
        _COOKIE,
        secret,
        salt=_salt(path, user_id),
        max_age=_SECONDS,
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def received(request: HttpRequest, *, user_id: int) -> str | None:
    """None when there is none for this user and page."""
    found = request.get_signed_cookie(_COOKIE, None, salt=_salt(request.path, user_id), max_age=_SECONDS)
    return found or None


def forget(response: HttpResponse, *, path: str) -> None:
    response.delete_cookie(_COOKIE, path=path, samesite="Strict")


def _salt(path: str, user_id: int) -> str:
    return f"console.once:{user_id}:{path}"
