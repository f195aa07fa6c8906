"""How a REST request or a page proves who calls: a bearer token, or the session cookie with a CSRF token."""

from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from apps.accounts import actions, queries
from apps.accounts.models import User
from apps.accounts.principal import Principal
from apps.core.errors import UnauthenticatedError
from apps.core.problems import CHALLENGE


class BearerAuthentication(BaseAuthentication):
    """Sets request.user (User) and request.auth (Principal)."""

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthenticatedError("Authorization is a bearer token here.")
        proof, principal = queries.resolve_token(token.strip())
        actions.note_seen(proof=proof)
        return proof.user, principal

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return CHALLENGE


class CookieAuthentication(SessionAuthentication):
    """Sets the same. A cookie that proves nothing counts as none, so that public endpoints go on working."""

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        plain: HttpRequest = request._request  # noqa: SLF001 - as DRF's own class does
        try:
            proof, principal = queries.resolve_cookie(plain.session.session_key)
        except UnauthenticatedError:
            return None
        self.enforce_csrf(request)
        actions.note_seen(proof=proof)
        return proof.user, principal


def user_of(request: Request) -> User:
    """The user behind an API view. Raises UnauthenticatedError."""
    if not isinstance(request.user, User):
        raise UnauthenticatedError
    return request.user


def principal_of(request: Any) -> Principal:
    """The caller of a view or of an API view. Raises UnauthenticatedError."""
    auth = getattr(request, "auth", None)
    if isinstance(auth, Principal):
        return auth
    return queries.authenticate_cookie(request.session.session_key)
