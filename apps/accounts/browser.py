"""A browser's session: Django's own (the cookie) and ours (listed, revocable) begin and end together."""

from django.contrib.auth import login, logout
from django.http import HttpRequest

from apps.accounts import actions, queries
from apps.accounts.client import client_of
from apps.accounts.models import User
from apps.accounts.principal import Principal
from apps.core.errors import UnauthenticatedError

_BACKEND = "django.contrib.auth.backends.ModelBackend"


def caller(request: HttpRequest) -> Principal | None:
    """Who is signed in here, if anybody."""
    try:
        return queries.authenticate_cookie(request.session.session_key)
    except UnauthenticatedError:
        return None


def begin(request: HttpRequest, user: User) -> Principal:
    """Sign in under a new session key, so that a key known before proves nothing after."""
    if (before := caller(request)) is not None:
        actions.sign_out(actor=before)
        request.session.flush()
    login(request, user, backend=_BACKEND)
    request.session.save()
    key = request.session.session_key or ""
    session = actions.open_browser_session(user=user, session_key=key, client=client_of(request))
    return Principal(user_id=user.pk, session_id=session.pk)


def end(request: HttpRequest) -> None:
    if (before := caller(request)) is not None:
        actions.sign_out(actor=before)
    logout(request)
