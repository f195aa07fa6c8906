"""gRPC: post, edit, delete, react; for everyone with a token, and many commands to a stream for our own gateways."""

import asyncio
import contextlib
import functools
import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import grpc
from django.conf import settings
from django.db import DatabaseError
from django.utils import translation
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from apps.accounts import queries as accounts
from apps.accounts.principal import Principal
from apps.core import threads
from apps.core.clock import now_ms
from apps.core.errors import AppError, ForbiddenError, InvalidError, UnauthenticatedError, UnavailableError
from apps.core.localcache import LocalCache
from apps.messaging import actions, wire
from apps.messaging.proto.slackclone.v1 import messages_pb2 as pb
from apps.messaging.streaming import Stream, within

DEADLINE_S = 10.0  # of a call that names none, and the longest that one may name
TOKEN_LEASE_S = 5.0  # a revoked token works for so much longer at most
DRAIN_S = 5.0
POSTS_UNDER_WAY = 64  # of one PostMany
COMMANDS_UNDER_WAY = 1024  # of one gateway's stream
CALLS_MAX = 2000
_STREAMS_PER_CONNECTION = 200
_FIRST_BATCH_S = 5.0
_TOKENS_MAX = 10_000
_LANGUAGES_CHARS_MAX = 100
_TOKEN_CHARS_MAX = 4096

STATUS: Mapping[str, grpc.StatusCode] = {
    "invalid": grpc.StatusCode.INVALID_ARGUMENT,
    "unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
    "forbidden": grpc.StatusCode.PERMISSION_DENIED,
    "not_found": grpc.StatusCode.NOT_FOUND,
    "conflict": grpc.StatusCode.FAILED_PRECONDITION,
    "too_large": grpc.StatusCode.INVALID_ARGUMENT,
    "rate_limited": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
}

M = TypeVar("M", bound=Message)
_logger = logging.getLogger(__name__)


def parsed(kind: type[M], body: bytes) -> M:
    """Raises InvalidError."""
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise InvalidError(f"This is no {kind.__name__}.", errors={}) from error


def _id(value: int, field: str) -> int:
    if value <= 0:
        raise InvalidError(errors={field: ["Must be an id."]})
    return value


# -- one call of an action each ---------------------------------------------------------------------------------------


async def post(actor: Principal, request: pb.PostRequest) -> pb.PostResponse:
    if request.sender_id and request.sender_id != actor.user_id:
        raise ForbiddenError("A message is posted in one's own name.")
    posted = await actions.post_message(
        actor=actor,
        channel_id=_id(request.channel_id, "channel_id"),
        text=request.text,
        kind=request.type or "text",
        client_msg_id=request.client_msg_id if request.HasField("client_msg_id") else None,
        thread_id=_id(request.thread_id, "thread_id") if request.HasField("thread_id") else None,
        also_in_channel=request.also_in_channel,
        file_ids=list(request.file_ids),
        retry=request.retry,
    )
    return pb.PostResponse(message_id=posted.message_id, timestamp=posted.timestamp, tag=request.tag)


async def edit(actor: Principal, request: pb.EditRequest) -> pb.EditResponse:
    await actions.edit_message(actor=actor, message_id=_id(request.message_id, "message_id"), text=request.text)
    return pb.EditResponse()


async def delete(actor: Principal, request: pb.DeleteRequest) -> pb.DeleteResponse:
    await actions.delete_message(actor=actor, message_id=_id(request.message_id, "message_id"))
    return pb.DeleteResponse()


async def react(actor: Principal, request: pb.ReactRequest) -> pb.ReactResponse:
    change = actions.add_reaction if request.on else actions.remove_reaction
    await change(actor=actor, message_id=_id(request.message_id, "message_id"), emoji=request.emoji)
    return pb.ReactResponse()


async def _unknown(_actor: Principal, _request: Any) -> Message:
    raise InvalidError("No such command here.", errors={})


_UNARY: Mapping[str, tuple[type[Message], Callable[[Principal, Any], Awaitable[Message]]]] = {
    "Post": (pb.PostRequest, post),
    "Edit": (pb.EditRequest, edit),
    "Delete": (pb.DeleteRequest, delete),
    "React": (pb.ReactRequest, react),
}
_COMMANDS: Mapping[str | None, Callable[[Principal, Any], Awaitable[Message]]] = {
    "post": post,
    "edit": edit,
    "delete": delete,
    "react": react,
}


# -- who calls ---------------------------------------------------------------------------------------------------------


class Tokens:
    """Who a token belongs to; what was found holds for TOKEN_LEASE_S, or until the token runs out."""

    def __init__(self, *, lease_s: float = TOKEN_LEASE_S) -> None:
        self._known: LocalCache[str, Principal] = LocalCache(self._fill, lease_s=lease_s, max_keys=_TOKENS_MAX)

    async def principal(self, metadata: Mapping[str, Any]) -> Principal:
        """Raises UnauthenticatedError, UnavailableError."""
        scheme, _, token = str(metadata.get("authorization", "")).partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not 0 < len(token) <= _TOKEN_CHARS_MAX:
            raise UnauthenticatedError("Send `authorization: Bearer TOKEN` as metadata.")
        try:
            found = (await self._known.get([token])).get(token)
        except DatabaseError as error:
            raise UnavailableError(retry_after=1) from error
        if found is None or (found.expires_at_ms is not None and found.expires_at_ms <= now_ms()):
            raise UnauthenticatedError("This token is not valid.")
        return found

    @staticmethod
    async def _fill(tokens: Sequence[str]) -> Mapping[str, Principal]:
        def read() -> dict[str, Principal]:
            found = {}
            for token in tokens:
                try:
                    found[token] = accounts.authenticate_token(token)
                except UnauthenticatedError:
                    continue
            return found

        return await threads.read(read)


# -- the calls ---------------------------------------------------------------------------------------------------------


class Servicer:
    """Requests come as bytes and are parsed here, so that what can't be parsed is the caller's mistake, not ours."""

    def __init__(self, draining: asyncio.Event, *, tokens: Tokens | None = None) -> None:
        self._draining = draining
        self._tokens = tokens or Tokens()

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        methods = {
            name: grpc.unary_unary_rpc_method_handler(functools.partial(self._unary, kind, verb))
            for name, (kind, verb) in _UNARY.items()
        }
        methods["PostMany"] = grpc.stream_stream_rpc_method_handler(self.post_many)
        act = {"Act": grpc.stream_stream_rpc_method_handler(self.act)}
        return (
            grpc.method_handlers_generic_handler(wire.MESSAGE_SERVICE, methods),
            grpc.method_handlers_generic_handler(wire.GATEWAY_SERVICE, act),
        )

    async def _unary(
        self, kind: type[Message], verb: Callable[[Principal, Any], Awaitable[Message]], body: bytes, context: Any
    ) -> bytes:
        _speak(_metadata(context))
        try:
            async with asyncio.timeout(_deadline_s(context)):
                actor = await self._tokens.principal(_metadata(context))
                response = await verb(actor, parsed(kind, body))
        except TimeoutError:
            await context.abort(
                grpc.StatusCode.DEADLINE_EXCEEDED, "This took too long; it may have happened, or may yet."
            )
        except Exception as error:  # noqa: BLE001 - every failure becomes a status
            await abort(context, error)
        return response.SerializeToString()

    async def post_many(self, _requests: Any, context: Any) -> None:
        """Each post has DEADLINE_S, however long the stream lives."""
        metadata = _metadata(context)
        _speak(metadata)
        lanes: dict[int, asyncio.Future[None]] = {}

        async def refused(error: AppError) -> pb.PostResponse:
            return pb.PostResponse(problem=wire.problem_of(error))

        async def answer(
            request: pb.PostRequest, before: asyncio.Future[None] | None, done: asyncio.Future[None]
        ) -> pb.PostResponse:
            try:
                if before is not None:
                    await before
                actor = await self._tokens.principal(metadata)
                return await within(DEADLINE_S, post(actor, request))
            except Exception as error:  # noqa: BLE001 - every failure becomes an answer
                return pb.PostResponse(tag=request.tag, problem=wire.problem_of(error))
            finally:
                done.set_result(None)
                if lanes.get(request.channel_id) is done:
                    del lanes[request.channel_id]

        async def take(body: bytes) -> None:
            try:
                request = parsed(pb.PostRequest, body)
            except InvalidError as error:
                await stream.start(refused(error))
                return
            before, done = lanes.get(request.channel_id), asyncio.get_running_loop().create_future()
            lanes[request.channel_id] = done
            await stream.start(answer(request, before, done))

        stream: Stream[pb.PostResponse] = Stream(
            context, limit=POSTS_UNDER_WAY, pack=lambda answers: [answer.SerializeToString() for answer in answers]
        )
        try:
            await self._tokens.principal(metadata)
            await stream.run(take, self._draining)
            if stream.draining:
                await abort(
                    context, UnavailableError("This server is ending; send the rest to another.", retry_after=1)
                )
        except Exception as error:  # noqa: BLE001 - every failure becomes a status
            await abort(context, error)

    async def act(self, _requests: Any, context: Any) -> None:
        gateway = _Gateway(context)
        try:
            await context.send_initial_metadata(((wire.CHALLENGE, gateway.challenge),))
            await gateway.take(await self._first(context))
            await gateway.stream.run(gateway.take, self._draining)
        except Exception as error:  # noqa: BLE001 - every failure becomes a status
            await abort(context, error)

    @staticmethod
    async def _first(context: Any) -> bytes:
        """Who proves nothing may not hold a place for long. Raises UnauthenticatedError."""
        first: Any = grpc.aio.EOF
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_BATCH_S):
                first = await context.read()
        if first is grpc.aio.EOF:
            raise UnauthenticatedError("No signed batch came.")
        return bytes(first)


class _Gateway:
    """The stream of one of our gateways: its batches are signed, its answers come in batches."""

    def __init__(self, context: Any) -> None:
        self.challenge = secrets.token_bytes(wire.CHALLENGE_BYTES)
        self.stream: Stream[pb.Answer] = Stream(
            context, limit=COMMANDS_UNDER_WAY, pack=self._pack, heartbeat_s=wire.HEARTBEAT_S, gather_s=wire.GATHER_S
        )
        self._key = wire.stream_key(self.challenge)
        self._read = 0

    async def take(self, signed: bytes) -> None:
        """Raises UnauthenticatedError, InvalidError."""
        try:
            batch = wire.opened(self._key, signed)
        except DecodeError as error:
            raise InvalidError("This is no batch.", errors={}) from error
        if batch.number != self._read + 1:
            raise InvalidError("Batches are numbered 1, 2, 3 …", errors={})
        self._read = batch.number
        if not batch.commands:
            self.stream.nudge()
        for command in batch.commands:
            await self.stream.start(self._answer(command))

    async def _answer(self, command: pb.Command) -> pb.Answer:
        what = command.WhichOneof("what")
        verb = _COMMANDS.get(what, _unknown)
        try:
            doing = verb(wire.principal_of(command.actor), what and getattr(command, what))
            done = await within(min(command.timeout_ms / 1000 or DEADLINE_S, DEADLINE_S), doing)
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            return pb.Answer(tag=command.tag, problem=wire.problem_of(error))
        if isinstance(done, pb.PostResponse):
            return pb.Answer(tag=command.tag, message_id=done.message_id, timestamp=done.timestamp)
        return pb.Answer(tag=command.tag)

    def _pack(self, answers: Sequence[pb.Answer]) -> list[bytes]:
        batch = pb.AnswerBatch(answers=answers, read=self._read, draining=self.stream.draining)
        return [batch.SerializeToString()]


def _metadata(context: Any) -> Mapping[str, Any]:
    return dict(context.invocation_metadata())


def _speak(metadata: Mapping[str, Any]) -> None:
    """What is said to people is in the first language of `accept-language` that there is. For the call's own task."""
    for wanted in str(metadata.get("accept-language", ""))[:_LANGUAGES_CHARS_MAX].split(","):
        with contextlib.suppress(LookupError):
            translation.activate(translation.get_supported_language_variant(wanted.partition(";")[0].strip()))
            return
    translation.activate(settings.LANGUAGE_CODE)


def _deadline_s(context: Any) -> float:
    left = context.time_remaining()
    return DEADLINE_S if left is None else min(left, DEADLINE_S)


async def abort(context: Any, error: Exception) -> None:
    """End the call with the error as its status; the whole problem is in the trailing metadata."""
    if isinstance(error, grpc.aio.AbortError | grpc.aio.UsageError):
        raise error
    problem = wire.problem_of(error)
    trailing: list[tuple[str, str | bytes]] = [("code", problem.code), (wire.PROBLEM, problem.SerializeToString())]
    if isinstance(error, AppError) and error.retry_after is not None:
        trailing.append(("retry-after", str(max(1, math.ceil(error.retry_after)))))
    await context.abort(STATUS.get(problem.code, grpc.StatusCode.INTERNAL), problem.detail, tuple(trailing))


# -- the server --------------------------------------------------------------------------------------------------------


def server_credentials() -> grpc.ServerCredentials | None:
    """TLS when GRPC_TLS_CERT is set; with GRPC_TLS_CA every client must show a certificate of that authority."""
    if not settings.GRPC_TLS_CERT:
        return None
    ca = Path(settings.GRPC_TLS_CA).read_bytes() if settings.GRPC_TLS_CA else None
    pair = (Path(settings.GRPC_TLS_KEY).read_bytes(), Path(settings.GRPC_TLS_CERT).read_bytes())
    return grpc.ssl_server_credentials([pair], root_certificates=ca, require_client_auth=ca is not None)


class MessageServer:
    """Made in the event loop that serves."""

    def __init__(self, *, tokens: Tokens | None = None) -> None:
        self._draining, self._ended = asyncio.Event(), asyncio.Event()
        self._server = grpc.aio.server(
            options=(
                ("grpc.so_reuseport", 0),  # a port in use is an error, not a silent share of the calls
                ("grpc.max_receive_message_length", wire.MESSAGE_BYTES_MAX),
                ("grpc.max_concurrent_streams", _STREAMS_PER_CONNECTION),
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 10_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
            ),
            maximum_concurrent_rpcs=CALLS_MAX,
        )
        self._server.add_generic_rpc_handlers(Servicer(self._draining, tokens=tokens).handlers())
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (wire.MESSAGE_SERVICE, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME),
            self._server,
        )

    def bind(self, host: str, port: int) -> int:
        """The port: `port`, or a free one for 0. Raises OSError."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        credentials = server_credentials()
        try:
            if credentials is None:
                bound: int = self._server.add_insecure_port(address)
            else:
                bound = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise OSError(None, str(error).partition(";")[0]) from error
        return bound

    async def start(self) -> None:
        await self._health.set(wire.MESSAGE_SERVICE, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()

    async def run(self) -> None:
        """The same as a long-running part: returns once stopped."""
        await self.start()
        await self._ended.wait()

    async def stop(self, grace_s: float = DRAIN_S) -> None:
        """Take nothing new, answer what was begun, end."""
        await self._health.enter_graceful_shutdown()
        self._draining.set()
        await self._server.stop(grace_s)
        self._ended.set()
