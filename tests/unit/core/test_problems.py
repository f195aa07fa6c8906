from django.http import Http404
from rest_framework import exceptions

from apps.core.errors import ConflictError, UnavailableError
from apps.core.problems import exception_handler, field_errors


def handle(error):
    response = exception_handler(error, {})
    assert response is not None
    return response.status_code, response.data["code"], dict(response.items())


def test_every_error_has_a_status_and_a_code():
    for error, status, code in [
        (ConflictError("x"), 409, "conflict"),
        (exceptions.ValidationError({"a": ["b"]}), 400, "invalid"),
        (exceptions.ParseError(), 400, "invalid"),
        (exceptions.NotAuthenticated(), 401, "unauthenticated"),
        (exceptions.AuthenticationFailed(), 401, "unauthenticated"),
        (exceptions.PermissionDenied(), 403, "forbidden"),
        (exceptions.NotFound(), 404, "not_found"),
        (Http404(), 404, "not_found"),
        (exceptions.Throttled(wait=1.2), 429, "rate_limited"),
        (exceptions.UnsupportedMediaType("x"), 415, "unsupported_media_type"),
        (RuntimeError("secret"), 500, "internal"),
    ]:
        assert handle(error)[:2] == (status, code)


def test_waiting_and_challenges_are_headers():
    assert handle(exceptions.Throttled(wait=1.2))[2]["Retry-After"] == "2"
    assert handle(UnavailableError(retry_after=0.1))[2]["Retry-After"] == "1"
    assert handle(exceptions.NotAuthenticated())[2]["WWW-Authenticate"] == 'Bearer realm="slackclone"'


def test_nested_errors_are_flat():
    detail = {"a": ["x"], "b": {"c": ["y"]}, "d": [{}, {"e": ["z"]}], "non_field_errors": ["w"]}
    assert field_errors(detail) == {"a": ["x"], "b.c": ["y"], "d.1.e": ["z"], "": ["w"]}
    assert field_errors({"non_field_errors": ["w"]}) == {"": ["w"]}
