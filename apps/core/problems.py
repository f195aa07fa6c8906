"""Every error of a REST door as application/problem+json (RFC 9457) with a stable code."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from apps.core.errors import (
    AppError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
)

CONTENT_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="slackclone"'
_log = logging.getLogger(__name__)


class MethodNotAllowedError(AppError):
    code, status, title = "method_not_allowed", 405, "Method not allowed"


class NotAcceptableError(AppError):
    code, status, title = "not_acceptable", 406, "Not acceptable"


class UnsupportedMediaTypeError(AppError):
    code, status, title = "unsupported_media_type", 415, "Unsupported media type"


class InternalError(AppError):
    code, status, title = "internal", 500, "Internal error"


Maker = Callable[[Any], AppError]
# The first match wins, so a subclass stands above its base.
_TRANSLATIONS: tuple[tuple[type[Exception], Maker], ...] = (
    (AppError, lambda error: error),
    (exceptions.ValidationError, lambda error: InvalidError(errors=field_errors(error.detail))),
    (exceptions.ParseError, lambda error: InvalidError(str(error.detail), errors={})),
    (exceptions.NotAuthenticated, lambda _: UnauthenticatedError()),
    (exceptions.AuthenticationFailed, lambda error: UnauthenticatedError(str(error.detail))),
    (exceptions.PermissionDenied, lambda error: ForbiddenError(str(error.detail))),
    (exceptions.NotFound, lambda _: NotFoundError()),
    (exceptions.MethodNotAllowed, lambda error: MethodNotAllowedError(str(error.detail))),
    (exceptions.NotAcceptable, lambda error: NotAcceptableError(str(error.detail))),
    (exceptions.UnsupportedMediaType, lambda error: UnsupportedMediaTypeError(str(error.detail))),
    (exceptions.Throttled, lambda error: RateLimitedError(retry_after=error.wait or 1)),
    (Http404, lambda _: NotFoundError()),
    (PermissionDenied, lambda error: ForbiddenError(str(error))),
    (RequestDataTooBig, lambda _: TooLargeError()),
    (SuspiciousOperation, lambda _: InvalidError(errors={})),
    (OperationalError, lambda _: UnavailableError(retry_after=1)),
    (InterfaceError, lambda _: UnavailableError(retry_after=1)),
)


def translate(error: Exception) -> AppError | None:
    """The error as a caller may see it, or None when it is a defect of ours."""
    for kind, make in _TRANSLATIONS:
        if isinstance(error, kind):
            return make(error)
    return None


def field_errors(detail: Any, path: str = "") -> dict[str, list[str]]:
    """DRF's nested detail as {"field": [text], "list.0.field": [text]}; errors of the whole body are under ""."""
    if isinstance(detail, Mapping):
        pairs = [(str(key), value) for key, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(part, Mapping | list) for part in detail):
        pairs = [(str(index), value) for index, value in enumerate(detail)]
    else:
        texts = detail if isinstance(detail, list) else [detail]
        return {path: [str(text) for text in texts]} if texts else {}
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        name = path if key == api_settings.NON_FIELD_ERRORS_KEY else f"{path}.{key}" if path else key
        found |= field_errors(value, name)
    return found


def headers(error: AppError) -> dict[str, str]:
    found: dict[str, str] = {}
    if error.retry_after is not None:
        found["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, UnauthenticatedError):
        found["WWW-Authenticate"] = CHALLENGE
    return found


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. A defect is logged with its traceback and answered with 500, without a word of it."""
    known = translate(error)
    if known is None:
        request = context.get("request")
        _log.error("%s %s failed", getattr(request, "method", "?"), getattr(request, "path", "?"), exc_info=error)
        known = InternalError()
    response = Response(known.problem(), status=known.status, headers=headers(known), content_type=CONTENT_TYPE)
    if isinstance(error, exceptions.MethodNotAllowed) and (allowed := context.get("view")) is not None:
        response["Allow"] = ", ".join(allowed.allowed_methods)
    return response


def plain_response(error: AppError) -> JsonResponse:
    """The same answer where no DRF view is at hand: unknown paths, errors before a view was found."""
    return JsonResponse(error.problem(), status=error.status, headers=headers(error), content_type=CONTENT_TYPE)
