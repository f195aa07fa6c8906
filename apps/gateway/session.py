"""A socket's life after the handshake: authentication, hello or resume, commands in their order, the end."""

import asyncio
import contextlib
import functools
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from apps.accounts.principal import Principal
from apps.core.errors import AppError, NotFoundError, UnauthenticatedError, UnavailableError
from apps.core.problems import translate
from apps.gateway import commands, frames, registry, server, tokens
from apps.gateway.follow import follow
from apps.gateway.hub import CLOSE_REVOKED, CLOSE_SILENT, Hub
from apps.gateway.stream import Socket, Stream

logger = logging.getLogger(__name__)

AUTH_DEADLINE_S = 10.0
PROOF_DEADLINE_S = 30.0
# A client that resumes says so in its first frame; who says nothing for this long gets a fresh session.
RESUME_GRACE_S = 0.25
RESUME_GRACE_AFTER_AUTH_S = 0.05
MAX_IN_FLIGHT = 64
MAX_ERRORS = 20
_MAX_FRAMES_PER_TICK = 1000
_RESUME_AGAIN_S = 1.0

CLOSE_MALFORMED, CLOSE_UNAUTHENTICATED, CLOSE_TOO_MANY_ERRORS = 4400, 4401, 4429

Authenticate = Callable[[], Awaitable[Principal]]


class Session(Socket):
    """The receiver of a connection. Frames come in by `on_message`; a task lives only while there is something to do.

    errors     counts up with every frame that is refused as malformed
    in_flight  sends under way, oldest first; their answers go out in that order
    lanes      the newest send under way per channel: within a channel the next begins when it is done
    """

    __slots__ = (
        "_arrival",
        "_frames_this_tick",
        "_frames_tick",
        "_later",
        "_queue",
        "_worker",
        "errors",
        "hub",
        "in_flight",
        "lanes",
        "principal",
    )

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self.hub = hub
        self.principal: Principal | None = None
        self.errors = 0
        self.in_flight: deque[asyncio.Task[frames.Frame | None]] | None = None
        self.lanes: dict[str, asyncio.Task[frames.Frame | None]] | None = None
        self._queue: deque[frames.ClientFrame] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._arrival: asyncio.Future[None] | None = None
        self._later: asyncio.Task[None] | None = None
        self._frames_tick = 0
        self._frames_this_tick = 0

    def start(self, connection: server.Connection, authenticate: Authenticate | None) -> None:
        """`authenticate` checks what the handshake brought; None: the first frame brings it."""
        self.bind(connection)
        self.seen = self.hub.tick
        self._worker = asyncio.get_running_loop().create_task(self._live(authenticate))

    # -- what comes in ----------------------------------------------------------------------------------------------

    def on_message(self, payload: bytes, *, text: bool) -> None:
        self._count()
        if not text:
            self._on_binary(payload)
            return
        try:
            frame = frames.decode(payload)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            self._malformed(frames.tag_of(payload), str(error)[:200])
            return
        if self.principal is not None and isinstance(frame, frames.Ping):
            self.answer(frames.Pong(id=frame.id))
        elif self.principal is not None and isinstance(frame, frames.Ack):
            self._on_ack(frame.streams)
        elif self.principal is not None and isinstance(frame, frames.Mark) and self._marks(self.principal, frame):
            pass
        elif self.principal is not None and isinstance(frame, frames.Pull):
            self._on_pull(frame)
        else:
            self._enqueue(frame)

    def _on_binary(self, payload: bytes) -> None:
        principal = self.principal
        if principal is None or not self.hub.canvases.on_frame(self, principal, payload, tick=self.hub.tick):
            self._malformed(None, "Frames are JSON texts, or those of a canvas.")

    def on_ping(self) -> None:
        """A library's own heartbeat is a sign of life like any frame."""
        self._count()

    def _count(self) -> None:
        hub = self.hub
        hub.stats.frames_in += 1
        self.seen = tick = hub.tick
        if self._frames_tick != tick:
            self._frames_tick, self._frames_this_tick = tick, 0
        self._frames_this_tick += 1
        if self._frames_this_tick == _MAX_FRAMES_PER_TICK:
            self.connection.pause_reading()
            hub.resume_next_tick(self)

    def _enqueue(self, frame: frames.ClientFrame) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(frame)
        if len(self._queue) >= MAX_IN_FLIGHT:
            self.connection.pause_reading()
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    def _malformed(self, tag: int | str | None, detail: str) -> None:
        self.errors += 1
        if self.errors > MAX_ERRORS:
            self.hub.detach(self)
            self.close(CLOSE_TOO_MANY_ERRORS)
            return
        self.answer(frames.Error(id=tag, code="invalid", detail=detail))

    def _on_ack(self, acked: Mapping[str, int]) -> None:
        for name, seq in acked.items():
            if name in self.streams or any(name in claims for claims in self.claims or ()):
                if self.acked is None:
                    self.acked = {}
                if seq > self.acked.get(name, 0):
                    self.acked[name] = seq
        if self.owed is not None:
            self.hub.acks.on_ack(self, acked)

    def _marks(self, principal: Principal, frame: frames.Mark) -> bool:
        """The common case, without a task: a member's socket follows the channel, which has come this far here."""
        name = f"c:{frame.channel_id}"
        stream = self.streams.get(name)
        if (
            frame.thread_id is not None
            or frame.id is not None
            or stream is None
            or frame.n > stream.count
            or (self.previews is not None and name in self.previews)
        ):
            return False
        return commands.mark_followed(principal, frame)

    def _on_pull(self, frame: frames.Pull) -> None:
        stream = self.streams.get(frame.stream)
        if stream is None:
            self.answer(_error(frame.id, NotFoundError()))
            return
        found = self.hub.pulling.pull(self, stream, frame.after)
        if found is None:
            self._enqueue(frame)  # the store has to be asked
        else:
            self._give(frame, stream, *found)

    def _give(self, frame: frames.Pull, stream: Stream, blob: bytes, seq: int) -> None:
        if blob:
            self.write(blob)
        mode: frames.Way = "push" if stream.pull is None else "pull"
        head = stream.seq or 0
        self.answer(frames.Pulled(id=frame.id, stream=stream.name, seq=seq, head=head, count=stream.count, mode=mode))

    async def _pull(self, frame: frames.Pull) -> None:
        """What lies before the ring: from the store, once for all who ask, or a resync."""
        stream = self.streams.get(frame.stream)
        if stream is None:
            raise NotFoundError
        missed = await self.hub.repair.missed(stream, frame.after)
        if stream.name not in self.streams:
            return
        seq = stream.seq or 0
        if missed is None:
            self.hub.stats.resyncs += 1
            self.answer(frames.Resync(stream=stream.name, seq=seq))
        self.hub.pulling.pulled(self, stream, seq)
        self._give(frame, stream, b"".join(missed or ()), seq)

    def on_held(self, size: int) -> None:
        self.hub.on_held(self, size)

    def on_lost(self) -> None:
        self.hub.connected -= 1
        self.hub.detach(self)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def answer(self, frame: frames.Frame) -> None:
        if isinstance(frame, frames.Error):
            self.hub.stats.errors_out += 1
        self.write(server.frame(frames.encode(frame)))

    # -- the beginning ----------------------------------------------------------------------------------------------

    async def _live(self, authenticate: Authenticate | None) -> None:
        try:
            await self._begin(authenticate)
        except Exception:
            logger.exception("a socket could not be opened")
            self.hub.detach(self)
            self.close(server.CLOSE_FAILED)
            self._worker = None
            return
        await self._work()

    async def _begin(self, authenticate: Authenticate | None) -> None:
        grace = RESUME_GRACE_S
        if authenticate is None:
            authenticate = await self._first_proof()
            grace = RESUME_GRACE_AFTER_AUTH_S
            if authenticate is None:
                return
        try:
            async with asyncio.timeout(PROOF_DEADLINE_S):
                principal = await authenticate()
        except TimeoutError:
            self.close(server.CLOSE_FAILED)
            return
        except UnauthenticatedError as error:
            if not self.closed:
                self.answer(_error(None, error))
                self.close(CLOSE_UNAUTHENTICATED)
            return
        self.user_id, self.proof_id, self.is_bot = principal.user_id, principal.session_id, principal.is_bot
        first = await self._next(grace)
        if self.closed:
            return
        resume = first if isinstance(first, frames.Resume) else None
        if resume is not None and self._queue:
            self._queue.popleft()
        await self._greet(principal, resume)

    async def _first_proof(self) -> Authenticate | None:
        first = await self._next(AUTH_DEADLINE_S)
        if self.closed:
            return None
        if first is None:
            # Nothing is known against the client, whose network may be slow: it is welcome to try again.
            self.close(CLOSE_SILENT)
            return None
        if not isinstance(first, frames.Auth) or not self._queue:
            self.answer(frames.Error(id=None, code="unauthenticated", detail="The first frame must be auth."))
            self.close(CLOSE_UNAUTHENTICATED)
            return None
        self._queue.popleft()
        return functools.partial(registry.proofs().of_token, first.token)

    async def _next(self, timeout_s: float) -> frames.ClientFrame | None:
        """The frame that comes next, left in the queue; None when none comes."""
        if not self._queue and not self.closed:
            loop = asyncio.get_running_loop()
            arrival = self._arrival = loop.create_future()
            timer = loop.call_later(timeout_s, _arrived, arrival)
            try:
                await arrival
            finally:
                timer.cancel()
                self._arrival = None
        return self._queue[0] if self._queue else None

    async def _greet(self, principal: Principal, resume: frames.Resume | None) -> None:
        """Hello; after a resume also what was missed."""
        if resume is not None and not tokens.valid(resume.token, resume.session, principal.user_id):
            resume = None
        self.session = tokens.new_session() if resume is None else resume.session
        if self.principal is None:
            await self.hub.attach(self)
            if not self.closed and await registry.proofs().ended(principal.session_id):
                self.close(CLOSE_REVOKED)
                self.hub.detach(self)
            if self.closed:
                self.hub.detach(self)
                return
        self.principal = principal
        if resume is None:
            self._hello(principal, tokens.mint(self.session, principal.user_id), resumed=False)
            return
        self.hub.acks.resumed(self, resume.streams)
        await self.hub.claim_session(self)
        with self.joined():
            self._hello(principal, resume.token, resumed=True)
            try:
                await self._follow(None, resume.streams)
            except UnavailableError:
                # The client counts on it, so it is tried until it works; commands go on meanwhile.
                self._later = asyncio.get_running_loop().create_task(self._resume_later(resume.streams))
            except AppError as error:
                self.answer(_error(None, error))

    def _hello(self, principal: Principal, token: str, *, resumed: bool) -> None:
        self.answer(
            frames.Hello(
                session=self.session,
                token=token,
                user_id=str(principal.user_id),
                heartbeat_ms=self.hub.heartbeat_ms,
                gateway=self.hub.gateway,
                resumed=resumed,
            )
        )

    async def _resume_later(self, streams: Mapping[str, int]) -> None:
        while not self.closed:
            await asyncio.sleep(_RESUME_AGAIN_S * random.uniform(0.5, 1.5))  # noqa: S311
            with contextlib.suppress(UnavailableError):
                await self._follow(None, streams)
                return

    async def _follow(self, tag: int | str | None, wanted: Mapping[str, int | None]) -> None:
        if self.principal is not None:
            places, denied = await follow(self.hub, self, self.principal, wanted)
            self.answer(frames.Subscribed(id=tag, streams=places, denied=denied))

    # -- commands ---------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        try:
            while self._queue and not self.closed:
                frame = self._queue.popleft()
                if len(self._queue) < MAX_IN_FLIGHT // 2 and self._frames_this_tick < _MAX_FRAMES_PER_TICK:
                    self.connection.resume_reading()
                await self._perform(frame)
        finally:
            self._worker = None
            if not self._queue:
                self._queue = None

    async def _perform(self, frame: frames.ClientFrame) -> None:
        principal = self.principal
        if principal is None:
            return
        if isinstance(frame, frames.Send):
            if self.in_flight is not None and len(self.in_flight) >= MAX_IN_FLIGHT:
                await asyncio.wait([self.in_flight[0]])
            self._send(principal, frame)
            return
        while self.in_flight:
            await asyncio.wait([self.in_flight[0]])
        match frame:
            case frames.Subscribe() | frames.Pull() | frames.Unsubscribe():
                await self._streams(frame)
            case frames.Watch() | frames.Active() | frames.Typing():
                await self._presence(principal, frame)
            case _ if (command := commands.COMMANDS.get(type(frame))) is not None:
                await self._guard(getattr(frame, "id", None), self._command(command, principal, frame))
            case _:
                await self._late(principal, frame)

    async def _streams(self, frame: frames.Subscribe | frames.Pull | frames.Unsubscribe) -> None:
        match frame:
            case frames.Subscribe():
                await self._guard(frame.id, self._follow(frame.id, frame.streams))
            case frames.Pull():
                await self._guard(frame.id, self._pull(frame))
            case _:
                for name in frame.streams:
                    self.hub.leave(self, name)
                self.answer(frames.Ok(id=frame.id))

    async def _presence(self, principal: Principal, frame: frames.Watch | frames.Active | frames.Typing) -> None:
        presence = self.hub.presence
        if presence is None:
            return
        match frame:
            case frames.Watch():
                await self._guard(frame.id, presence.watch(self, principal, frame))
            case frames.Typing():
                await self._guard(None, presence.typing(principal, frame))
            case _:
                presence.engine.active(self, on=frame.on)

    async def _late(self, principal: Principal, frame: frames.ClientFrame) -> None:
        """What belongs to the beginning, or came before it was over."""
        match frame:
            case frames.Resume():
                await self._guard(None, self._greet(principal, frame))
            case frames.Ping():
                self.answer(frames.Pong(id=frame.id))
            case frames.Ack():
                self._on_ack(frame.streams)
            case _:
                self._malformed(None, "This socket is authenticated already.")

    def _send(self, principal: Principal, frame: frames.Send) -> None:
        if self.in_flight is None or self.lanes is None:
            self.in_flight, self.lanes = deque(), {}
        before = self.lanes.get(frame.channel_id)
        task = asyncio.get_running_loop().create_task(self._post(principal, frame, before))
        self.in_flight.append(task)
        self.lanes[frame.channel_id] = task
        task.add_done_callback(self._on_posted)

    async def _post(
        self, principal: Principal, frame: frames.Send, before: "asyncio.Task[frames.Frame | None] | None"
    ) -> frames.Frame | None:
        if before is not None and not before.done():
            await asyncio.wait([before])
        try:
            return await commands.send(principal, frame)
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            return _error(frame.id, error)

    def _on_posted(self, _task: "asyncio.Task[frames.Frame | None]") -> None:
        in_flight = self.in_flight
        while in_flight and in_flight[0].done():
            task = in_flight.popleft()
            answer = None if task.cancelled() else task.result()
            if answer is not None:
                self.answer(answer)
        if not in_flight:
            self.in_flight = self.lanes = None

    async def _command(self, command: commands.Command, principal: Principal, frame: frames.Frame) -> None:
        answer = await command(principal, frame)
        if answer is not None:
            self.answer(answer)

    async def _guard(self, tag: int | str | None, doing: Awaitable[None]) -> None:
        try:
            await doing
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            self.answer(_error(tag, error))


def _arrived(arrival: asyncio.Future[None]) -> None:
    if not arrival.done():
        arrival.set_result(None)


def _error(tag: int | str | None, error: Exception) -> frames.Error:
    known = translate(error)
    if known is None:
        logger.error("a command failed", exc_info=error)
        return frames.Error(id=tag, code="internal", detail="Something went wrong here.")
    errors = known.extra.get("errors")
    return frames.Error(
        id=tag,
        code=known.code,
        detail=known.detail,
        retry_after=known.retry_after,
        errors=errors if isinstance(errors, dict) else None,
    )
