"""What both ends of the gRPC door agree on: how callers, errors and the proof of a gateway travel."""

import hashlib
import hmac
import logging

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from apps.accounts.principal import Principal
from apps.core.errors import (
    AppError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
)
from apps.messaging.proto.slackclone.v1 import messages_pb2 as pb

MESSAGE_SERVICE = "slackclone.v1.MessageService"
GATEWAY_SERVICE = "slackclone.v1.GatewayService"
ACT = f"/{GATEWAY_SERVICE}/Act"
CHALLENGE = "challenge-bin"
CHALLENGE_BYTES = 32
PROBLEM = "problem-bin"
COMMANDS_MAX = 256  # of one batch
BATCH_BYTES = 512 * 1024  # then it takes no more commands
MESSAGE_BYTES_MAX = 1024 * 1024
HEARTBEAT_S = 1.0
GATHER_S = 0.002  # between batches: a message costs as much CPU with one command as with ten

_PURPOSE = b"slackclone.v1.GatewayService"
_logger = logging.getLogger(__name__)
_ERRORS: dict[str, type[AppError]] = {
    kind.code: kind
    for kind in (
        InvalidError,
        UnauthenticatedError,
        ForbiddenError,
        NotFoundError,
        ConflictError,
        TooLargeError,
        RateLimitedError,
        UnavailableError,
    )
}


def stream_key(challenge: bytes) -> bytes:
    """The key of one stream of a gateway."""
    return HKDF(SHA256(), 32, salt=challenge, info=_PURPOSE).derive(settings.SECRET_KEY.encode())


def sign(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)


def opened(key: bytes, signed: bytes) -> pb.CommandBatch:
    """Raises UnauthenticatedError, and DecodeError when it is no batch at all."""
    envelope = pb.SignedBatch.FromString(signed)
    if not hmac.compare_digest(envelope.mac, sign(key, envelope.body)):
        raise UnauthenticatedError("This batch was not signed with the SECRET_KEY of this cluster.")
    return pb.CommandBatch.FromString(envelope.body)


def actor_of(principal: Principal) -> pb.Actor:
    return pb.Actor(
        user_id=principal.user_id,
        session_id=principal.session_id,
        is_bot=principal.is_bot,
        scopes=None if principal.scopes is None else pb.Scopes(names=sorted(principal.scopes)),
        expires_at_ms=principal.expires_at_ms,
    )


def principal_of(actor: pb.Actor) -> Principal:
    return Principal(
        user_id=actor.user_id,
        session_id=actor.session_id if actor.HasField("session_id") else None,
        is_bot=actor.is_bot,
        scopes=frozenset(actor.scopes.names) if actor.HasField("scopes") else None,
        expires_at_ms=actor.expires_at_ms if actor.HasField("expires_at_ms") else None,
    )


def problem_of(error: Exception) -> pb.Problem:
    """As a caller may see it; of a defect of ours, which is logged, not a word."""
    if not isinstance(error, AppError):
        _logger.error("a command failed", exc_info=error)
        return pb.Problem(code="internal", detail="Something went wrong here.")
    problem = pb.Problem(code=error.code, detail=error.detail, retry_after=error.retry_after)
    for name, value in error.extra.items():
        if name == "errors":
            problem.errors.extend(pb.FieldErrors(field=field, texts=texts) for field, texts in value.items())
        else:
            problem.extra[name] = str(value)
    return problem


def error_of(problem: pb.Problem) -> AppError:
    extra: dict[str, object] = dict(problem.extra)
    if problem.errors:
        extra["errors"] = {found.field: list(found.texts) for found in problem.errors}
    return _ERRORS.get(problem.code, AppError)(
        problem.detail, retry_after=problem.retry_after if problem.HasField("retry_after") else None, **extra
    )
