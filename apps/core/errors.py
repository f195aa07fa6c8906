"""What can go wrong for a caller, in one shape that every door translates.

REST renders `problem()` as RFC 9457 application/problem+json, the socket as an `error` frame, gRPC as a status.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext


class AppError(Exception):
    """Base of every error meant for a caller. `code` is stable and machine-readable; `detail` is for people."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str = "", *, retry_after: float | None = None, **extra: Any) -> None:
        # In the language of whoever asks. Texts that were put together are not in the catalog, and stay as they are.
        self.detail = gettext(detail or self.title)
        super().__init__(self.detail)
        self.retry_after = retry_after
        if errors := extra.get("errors"):
            extra["errors"] = {field: [_said(text) for text in texts] for field, texts in errors.items()}
        self.extra: Mapping[str, Any] = extra

    def problem(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": f"urn:slackclone:problem:{self.code}",
            "title": gettext(self.title),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
        return body | dict(self.extra)


def _said(text: Any) -> Any:
    return gettext(text) if isinstance(text, str) and text else text


class InvalidError(AppError):
    """Bad input. `errors` maps a field to its messages."""

    code, status, title = "invalid", 400, "Invalid input"


class UnauthenticatedError(AppError):
    code, status, title = "unauthenticated", 401, "Sign in first"


class ForbiddenError(AppError):
    """The caller may know that the thing exists but may not do this to it."""

    code, status, title = "forbidden", 403, "Not allowed"


class NotFoundError(AppError):
    """Missing, or not for this caller: both look the same."""

    code, status, title = "not_found", 404, "Not found"


class ConflictError(AppError):
    code, status, title = "conflict", 409, "Conflict"


class TooLargeError(AppError):
    code, status, title = "too_large", 413, "Too large"


class RateLimitedError(AppError):
    code, status, title = "rate_limited", 429, "Too many requests"


class UnavailableError(AppError):
    """A part that is needed does not answer now; the same call may work after `retry_after` seconds."""

    code, status, title = "unavailable", 503, "Temporarily unavailable"
