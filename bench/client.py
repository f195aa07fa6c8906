"""A client of docs/protocol.md: REST, and a socket that reconnects, resumes, repeats and repairs by itself."""

import asyncio
import contextlib
import json
import random
import secrets
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from bench.http import ConnectionClosedError, HttpClient, Response

Json = dict[str, Any]
ACK_EVERY_S = 1.0
PULL_EVERY_S = 2.0
PULL_AGAIN_EVENTS = 500
HELLO_DEADLINE_S = 30.0
FATAL_CLOSES = frozenset({4401, 4403, 4409, 4410})
SUBPROTOCOL = "slackclone.v1"


class ProblemError(Exception):
    """An error that the server named: from REST (`status` set) or from the socket (`status` 0)."""

    def __init__(self, code: str, detail: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(f"{status or 'socket'} {code}: {detail}")
        self.code = code
        self.detail = detail
        self.status = status
        self.retry_after = retry_after


class RestClient:
    """JSON in, JSON out, with a bearer token when it has one."""

    def __init__(self, base_url: str, token: str | None = None, *, source: str | None = None) -> None:
        self.http = HttpClient(base_url, source=source)
        self.base_url = self.http.base_url
        self.token = token

    async def raw(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Response:
        sent = {"content-type": "application/json"} if body else {}
        bearer = token or self.token
        if bearer:
            sent["authorization"] = f"Bearer {bearer}"
        return await self.http.request(method, path, body=body, headers=sent | dict(headers or {}))

    async def call(self, method: str, path: str, data: object = None, **query: object) -> Any:
        """The answer's JSON. Raises ProblemError for every status from 400 up."""
        target = path + ("?" + urlencode({k: v for k, v in query.items() if v is not None}) if query else "")
        body = b"" if data is None else json.dumps(data).encode()
        response = await self.raw(method, target, body=body)
        if response.status >= 400:
            raise problem(response)
        return response.json()

    async def get(self, path: str, **query: object) -> Any:
        return await self.call("GET", path, **query)

    async def post(self, path: str, data: object = None) -> Any:
        return await self.call("POST", path, data)

    async def patch(self, path: str, data: object) -> Any:
        return await self.call("PATCH", path, data)

    async def put(self, path: str) -> Any:
        return await self.call("PUT", path)

    async def delete(self, path: str) -> Any:
        return await self.call("DELETE", path)

    async def close(self) -> None:
        await self.http.close()


def problem(response: Response) -> ProblemError:
    try:
        body = response.json()
        code, detail = body["code"], f"{body['detail']} {body.get('errors', '')}".strip()
    except (ValueError, KeyError, TypeError):
        code, detail = "none", response.body[:200].decode(errors="replace")
    after = response.headers.get("retry-after")
    return ProblemError(code, detail, status=response.status, retry_after=float(after) if after else None)


@dataclass
class _Send:
    frame: Json
    acked: "asyncio.Future[Json]"
    sent: bool = False
    not_before: float = 0.0


@dataclass
class Counters:
    connects: int = 0
    resumed: int = 0
    resyncs: int = 0
    gaps: int = 0
    repeats: int = 0
    pulls: int = 0
    closes: list[int] = field(default_factory=list)


class SocketClient:
    """One session at `/v1/socket` that outlives its connections.

    `events[stream]` holds what was delivered, in order, each seq once; `followed[stream]` is where it began, and
    `resynced[stream]` has the (after, up to) that it was told to read from history instead. `send` resolves when the
    message is durable; it is repeated over reconnects under the same client_msg_id. `on_event` is called for each
    delivered event. With `acknowledges` what came is acknowledged within ACK_EVERY_S, and at once what mentions the
    user. Hot channels are pulled every PULL_EVERY_S.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[], Awaitable[str]],
        *,
        on_event: Callable[[Json], None] | None = None,
        auth: str = "frame",
        rng: random.Random | None = None,
        backoff_base_s: float = 0.2,
        backoff_cap_s: float = 10.0,
        acknowledges: bool = True,
    ) -> None:
        self.base_url = base_url
        self.events: dict[str, list[Json]] = defaultdict(list)
        self.last: dict[str, int] = {}
        self.followed: dict[str, Json] = {}
        self.resynced: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.gone: set[str] = set()
        self.denied: set[str] = set()
        self.errors: list[Json] = []
        self.frames: list[Json] = []
        self.counters = Counters()
        self.modes: dict[str, str] = {}
        self.hello: Json = {}
        self.fatal: int | None = None
        self.on_binary: Callable[[bytes], None] = lambda _frame: None
        self.on_ready: Callable[[], None] = lambda: None
        self._token = token
        self._on_event = on_event
        self._auth = auth
        self._random = rng or random.Random()
        self._base, self._cap = backoff_base_s, backoff_cap_s
        self._acknowledges = acknowledges
        self._unacked: set[str] = set()
        self._ack_timer: asyncio.TimerHandle | None = None
        self._pulls: dict[str, asyncio.Task[None]] = {}
        self._wanted: dict[str, int | None] = {}
        self._repairing: set[str] = set()
        self._outbox: dict[str, _Send] = {}
        self._sends: dict[int, _Send] = {}
        self._pending: dict[int, asyncio.Future[Json]] = {}
        self._next_id = 0
        self._connection: ClientConnection | None = None
        self._hello_timer: asyncio.TimerHandle | None = None
        self._ready = asyncio.Event()
        self._changed = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._side: set[asyncio.Task[None]] = set()

    # -- life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self, *, timeout_s: float = 15.0) -> Self:
        self._task = asyncio.create_task(self._run())
        try:
            await self.until(lambda: self._ready.is_set() or self.fatal is not None, timeout_s=timeout_s, what="hello")
        except BaseException:
            await self.close()
            raise
        if self.fatal is not None:
            raise ConnectionError(f"closed with {self.fatal}")
        return self

    async def close(self) -> None:
        self._closing = True
        tasks = [*self._side, *self._pulls.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        if self._connection:
            await self._connection.close()
            self._connection = None
        for future in [*self._pending.values(), *(send.acked for send in self._outbox.values())]:
            future.cancel()

    def drop(self) -> None:
        """Cut the connection the way a network does: no close frame."""
        if self._connection:
            self._connection.transport.abort()

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    async def until(self, met: Callable[[], object], *, timeout_s: float = 15.0, what: str = "") -> None:
        """Wait, frame by frame, until `met()` is true. Raises TimeoutError."""
        try:
            async with asyncio.timeout(timeout_s):
                while not met():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"waited {timeout_s} s for {what or met}: {self.state}") from None

    @property
    def state(self) -> str:
        """For the one who reads why something did not come."""
        waits = "connected" if self.connected else "no connection"
        if self._task and self._task.done():
            waits = f"given up ({self.fatal or self._task})"
        return (
            f"{waits}, {len(self._outbox)} in the outbox, last={self.last} errors={self.errors[-3:]} "
            f"closes={self.counters.closes[-5:]} counters={self.counters}"
        )

    async def reaches(self, stream: str, seq: int, *, timeout_s: float = 15.0, what: str = "") -> None:
        """Wait until this seq of the stream was delivered."""
        await self.until(
            lambda: self.last.get(stream, 0) >= seq, timeout_s=timeout_s, what=f"{what} seq {seq} of {stream}"
        )

    async def has(self, stream: str, count: int) -> list[Json]:
        """The stream's events, once there are so many."""
        await self.until(lambda: len(self.events[stream]) >= count, what=f"{count} events of {stream}")
        return self.events[stream]

    # -- commands

    async def subscribe(self, *streams: str, since: Mapping[str, int] | None = None) -> Json:
        """Follow streams from now on, or from a seq. The answer is the `subscribed` frame."""
        wanted: dict[str, int | None] = dict.fromkeys(streams) | dict(since or {})
        self._wanted |= wanted
        for stream, seq in wanted.items():
            if seq is not None:
                self.last[stream] = seq
            self.gone.discard(stream)
        return await self.command({"t": "subscribe", "streams": wanted})

    async def unsubscribe(self, *streams: str) -> None:
        for stream in streams:
            self._wanted.pop(stream, None)
            self.last.pop(stream, None)
        await self._write({"t": "unsubscribe", "id": self._id(), "streams": list(streams)})

    async def send(
        self, channel_id: str, text: str, *, client_msg_id: str | None = None, timeout_s: float = 60.0, **more: object
    ) -> Json:
        """The ack frame. Raises ProblemError for a refusal, TimeoutError when the outcome is still unknown."""
        return await asyncio.wait_for(self.post(channel_id, text, client_msg_id=client_msg_id, **more), timeout_s)

    def post(
        self, channel_id: str, text: str, *, client_msg_id: str | None = None, **more: object
    ) -> "asyncio.Future[Json]":
        """Put a message into the outbox; the future is its ack."""
        key = client_msg_id or str(uuid.uuid4())
        frame: Json = {"t": "send", "channel_id": channel_id, "text": text, "client_msg_id": key, **more}
        entry = _Send(frame, asyncio.get_running_loop().create_future())
        self._outbox[key] = entry
        if self._ready.is_set():
            self._spawn(self._write_send(entry))
        return entry.acked

    async def send_binary(self, frame: bytes) -> None:
        """Raises ConnectionClosedError."""
        if self._connection is None:
            raise ConnectionClosedError("not connected")
        try:
            await self._connection.send(frame)
        except ConnectionClosed as error:
            raise ConnectionClosedError(str(error)) from error

    async def edit(self, message_id: str, text: str) -> Json:
        return await self.command({"t": "edit", "message_id": message_id, "text": text})

    async def delete(self, message_id: str) -> Json:
        return await self.command({"t": "delete", "message_id": message_id})

    async def react(self, message_id: str, emoji: str, *, on: bool = True) -> Json:
        return await self.command({"t": "react", "message_id": message_id, "emoji": emoji, "on": on})

    async def ack(self) -> None:
        await self._write({"t": "ack", "streams": dict(self.last)})

    def _ack_soon(self, stream: str, *, at_once: bool = False) -> None:
        if not self._acknowledges:
            return
        self._unacked.add(stream)
        if at_once:
            self._ack_now()
        elif self._ack_timer is None:
            self._ack_timer = asyncio.get_running_loop().call_later(ACK_EVERY_S, self._ack_now)

    def _ack_now(self) -> None:
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None
        streams = {stream: self.last[stream] for stream in self._unacked if stream in self.last}
        self._unacked.clear()
        if streams and not self._closing:
            self._spawn(self._quietly({"t": "ack", "streams": streams}))

    def _set_mode(self, stream: str, mode: str, seq: int) -> None:
        """Pull while it is hot, and once after it when something is still missing."""
        task = self._pulls.pop(stream, None)
        if task is not None:
            task.cancel()
        self.modes[stream] = mode
        if mode == "pull":
            self._pulls[stream] = asyncio.create_task(self._pull_on(stream))
        elif seq > self.last.get(stream, 0):
            self._pulls[stream] = asyncio.create_task(self._pull_upto(stream, seq))

    async def _pull_on(self, stream: str) -> None:
        await asyncio.sleep(PULL_EVERY_S * self._random.random())
        while True:
            head = 0
            with contextlib.suppress(ConnectionClosedError, ProblemError, TimeoutError):
                head = await self._pull(stream)
            again = head - self.last.get(stream, 0) >= PULL_AGAIN_EVENTS
            await asyncio.sleep(PULL_EVERY_S * (0.1 if again else self._random.uniform(0.8, 1.2)))

    async def _pull_upto(self, stream: str, seq: int) -> None:
        while self.last.get(stream, 0) < seq:
            with contextlib.suppress(ConnectionClosedError, ProblemError, TimeoutError):
                seq = max(seq, await self._pull(stream))
                continue
            await asyncio.sleep(self._random.random())

    async def _pull(self, stream: str) -> int:
        self.counters.pulls += 1
        answer = await self.command({"t": "pull", "stream": stream, "after": self.last.get(stream, 0)})
        return int(answer["head"])

    async def _pull_quietly(self, stream: str) -> None:
        with contextlib.suppress(ConnectionClosedError, ProblemError, TimeoutError):
            await self._pull(stream)

    def _mentions_me(self, frame: Json) -> bool:
        me = self.hello.get("user_id")
        return frame["type"] == "message.posted" and any(
            mention["user_id"] == me for mention in frame["data"].get("mentions", ())
        )

    async def tell(self, frame: Json) -> None:
        """Send a frame that has no answer."""
        await self._write(frame)

    async def ping(self) -> Json:
        return await self.command({"t": "ping"})

    async def command(self, frame: Json, *, timeout_s: float = 15.0) -> Json:
        """Send a frame with an id and wait for the answer with that id. Raises ProblemError for an error."""
        identity = self._id()
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._pending[identity] = future
        try:
            await self._write(frame | {"id": identity})
            return await asyncio.wait_for(future, timeout_s)
        finally:
            self._pending.pop(identity, None)

    # -- inside

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._side.add(task)
        task.add_done_callback(self._side.discard)

    async def _write(self, frame: Json) -> None:
        if self._connection is None:
            raise ConnectionClosedError("not connected")
        try:
            await self._connection.send(json.dumps(frame, ensure_ascii=False))
        except ConnectionClosed as error:
            raise ConnectionClosedError(str(error)) from error

    async def _write_send(self, entry: _Send) -> None:
        loop = asyncio.get_running_loop()
        if entry.not_before > loop.time():
            await asyncio.sleep(entry.not_before - loop.time())
        if entry.acked.done():
            return
        identity = self._id()
        frame = entry.frame | {"id": identity} | ({"retry": True} if entry.sent else {})
        entry.sent = True
        self._sends[identity] = entry
        # When the connection is lost the outbox sends it again after the next hello.
        with contextlib.suppress(ConnectionClosedError):
            await self._write(frame)

    async def _run(self) -> None:
        attempt = 0
        while not self._closing:
            try:
                token = await self._token()
                protocols = [SUBPROTOCOL, f"bearer.{token}"] if self._auth == "subprotocol" else [SUBPROTOCOL]
                url = self.base_url.replace("http", "ws", 1) + "/v1/socket"
                async with connect(
                    url, subprotocols=protocols, open_timeout=10, ping_interval=None, max_size=None,  # type: ignore[arg-type]
                    compression=None, proxy=None, close_timeout=1,
                ) as connection:  # fmt: skip
                    self._connection = connection
                    self.counters.connects += 1
                    if self._auth == "frame":
                        await self._write({"t": "auth", "token": token})
                    if self.hello:
                        await self._write(
                            {
                                "t": "resume",
                                "session": self.hello["session"],
                                "token": self.hello["token"],
                                "streams": {s: q for s, q in self.last.items() if s in self._wanted},
                            }
                        )
                    heartbeat = asyncio.create_task(self._beat())
                    unanswered = asyncio.get_running_loop().call_later(HELLO_DEADLINE_S, connection.transport.abort)
                    self._hello_timer = unanswered
                    try:
                        async for message in connection:
                            attempt = 0
                            if isinstance(message, bytes):
                                self.on_binary(message)
                            else:
                                self._receive(json.loads(message))
                            self._changed.set()
                    finally:
                        heartbeat.cancel()
                        unanswered.cancel()
                    code = connection.close_code or 1006
                    self.counters.closes.append(code)
                    if code in FATAL_CLOSES:
                        self.fatal = code
                        return
            except (OSError, TimeoutError, InvalidHandshake, InvalidMessage, ConnectionClosed, ProblemError) as error:
                code = getattr(getattr(error, "rcvd", None), "code", None) or 1006
                self.counters.closes.append(code)
                if code in FATAL_CLOSES:
                    self.fatal = code
                    return
            finally:
                self._lost()
            attempt += 1
            # Full jitter: AWS Architecture Blog, "Exponential Backoff And Jitter".
            await asyncio.sleep(self._random.uniform(0, min(self._cap, self._base * 2**attempt)))

    def _lost(self) -> None:
        self._ready.clear()
        self._connection = None
        self._repairing.clear()
        self._sends.clear()
        self.modes.clear()
        for task in self._pulls.values():
            task.cancel()
        self._pulls.clear()
        for future in self._pending.values():
            if not future.done():
                future.set_exception(ConnectionClosedError("the connection was lost; the outcome is unknown"))
        self._changed.set()

    async def _beat(self) -> None:
        while True:
            every = self.hello.get("heartbeat_ms", 30_000) / 1000
            await asyncio.sleep(every * self._random.uniform(0.8, 1.2))
            with contextlib.suppress(ConnectionClosedError):
                await self._write({"t": "ping", "id": self._id()})

    def _receive(self, frame: Json) -> None:
        kind = frame["t"]
        if kind == "event":
            self._event(frame)
            return
        self.frames.append(frame)
        if kind == "hello":
            self._greeted(frame)
        elif kind == "subscribed":
            self._subscribed(frame)
        elif kind == "ack":
            self._sends.pop(frame["id"], None)
            entry = self._outbox.pop(frame["client_msg_id"], None)
            if entry and not entry.acked.done():
                entry.acked.set_result(frame)
        elif kind == "error":
            self._refused(frame)
        elif kind == "resync":
            self.counters.resyncs += 1
            self.resynced[frame["stream"]].append((self.last.get(frame["stream"], 0), frame["seq"]))
            self.last[frame["stream"]] = frame["seq"]
            self._ack_soon(frame["stream"])
            self._repairing.discard(frame["stream"])
        elif kind == "gone":
            self.gone.add(frame["stream"])
            self._wanted.pop(frame["stream"], None)
        elif kind == "reconnect":
            self._spawn(self._leave(frame["after_ms"] / 1000))
        elif kind == "mode":
            self._set_mode(frame["stream"], frame["mode"], frame["seq"])
        if kind in {"ok", "pong", "subscribed", "ack", "pulled", "watching"}:
            self._answer(frame)

    async def _leave(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if self._connection:
            await self._connection.close()

    def _answer(self, frame: Json) -> None:
        future = self._pending.get(frame["id"]) if frame.get("id") is not None else None
        if future and not future.done():
            future.set_result(frame)

    def _greeted(self, frame: Json) -> None:
        again, self.hello = self.hello, frame
        if self._hello_timer:
            self._hello_timer.cancel()
        if frame["resumed"]:
            self.counters.resumed += 1
        elif again and self._wanted:
            streams = {stream: self.last.get(stream) for stream in self._wanted}
            self._spawn(self._quietly({"t": "subscribe", "id": self._id(), "streams": streams}))
        self._ready.set()
        self.on_ready()
        for entry in list(self._outbox.values()):
            self._spawn(self._write_send(entry))

    async def _quietly(self, frame: Json) -> None:
        with contextlib.suppress(ConnectionClosedError):
            await self._write(frame)

    def _subscribed(self, frame: Json) -> None:
        for stream, state in frame["streams"].items():
            self.followed.setdefault(stream, state)
            # From now on: what came before the answer belongs to the past.
            self.last.setdefault(stream, state["seq"])
            if state["mode"] != self.modes.get(stream, "push"):
                self._set_mode(stream, state["mode"], self.last[stream])
        self.denied |= set(frame.get("denied", []))

    def _refused(self, frame: Json) -> None:
        self.errors.append(frame)
        entry = self._sends.pop(frame["id"], None) if frame.get("id") is not None else None
        after = frame.get("retry_after")
        if entry and after is not None and frame["code"] in {"rate_limited", "unavailable"}:
            entry.not_before = asyncio.get_running_loop().time() + after
            self._spawn(self._write_send(entry))
            return
        refusal = ProblemError(frame["code"], frame.get("detail", ""), retry_after=after)
        if entry:
            self._outbox.pop(entry.frame["client_msg_id"], None)
            if not entry.acked.done():
                entry.acked.set_exception(refusal)
            return
        future = self._pending.get(frame["id"]) if frame.get("id") is not None else None
        if future and not future.done():
            future.set_exception(refusal)

    def _event(self, frame: Json) -> None:
        stream, seq = frame["stream"], frame["seq"]
        last = self.last.get(stream)
        if last is not None and seq <= last:
            self.counters.repeats += 1
            self._ack_soon(stream)  # said again: our acknowledgement was missed
            return
        if last is not None and seq > last + 1:
            pulling = self._pulls.get(stream)
            if pulling is not None and not pulling.done():
                self._spawn(self._pull_quietly(stream))
            elif stream not in self._repairing:
                self.counters.gaps += 1
                self._repairing.add(stream)
                self._spawn(self._quietly({"t": "subscribe", "id": self._id(), "streams": {stream: last}}))
            return
        self._repairing.discard(stream)
        self.last[stream] = seq
        self._ack_soon(stream, at_once=self._mentions_me(frame))
        self.events[stream].append(frame)
        if self._on_event:
            self._on_event(frame)


class Person:
    """Somebody with an account: REST under their token, and sockets."""

    def __init__(self, base_url: str, signed_up: Json, *, email: str, password: str) -> None:
        self.rest = RestClient(base_url, signed_up["access"])
        self.base_url = base_url
        self.id: str = signed_up["user"]["id"]
        self.name: str = signed_up["user"]["name"]
        self.email = email
        self.password = password
        self.refresh: str = signed_up["refresh"]
        self.sockets: list[SocketClient] = []

    @classmethod
    async def sign_up(cls, base_url: str, name: str) -> "Person":
        anonymous = RestClient(base_url)
        email = f"{quote(name.lower())}-{secrets.token_hex(6)}@example.com"
        password = secrets.token_urlsafe(12)
        try:
            made = await anonymous.post("/v1/auth/signup", {"email": email, "password": password, "name": name})
        finally:
            await anonymous.close()
        return cls(base_url, made, email=email, password=password)

    async def token(self) -> str:
        assert self.rest.token
        return self.rest.token

    async def renew(self) -> None:
        """A new pair of tokens for the old refresh token."""
        pair = await self.rest.post("/v1/auth/token/refresh", {"refresh": self.refresh})
        self.rest.token, self.refresh = pair["access"], pair["refresh"]

    async def socket(self, *streams: str, **options: Any) -> SocketClient:
        """A connected socket that follows `streams` from now on."""
        socket = SocketClient(options.pop("base_url", self.base_url), self.token, **options)
        self.sockets.append(socket)
        await socket.start()
        if streams:
            await socket.subscribe(*streams)
        return socket

    async def workspace(self, name: str) -> Json:
        made: Json = await self.rest.post("/v1/workspaces", {"name": name})
        return made

    async def bring(self, workspace: Json, *people: "Person", role: str = "member") -> None:
        """Invite by one link and let each accept it."""
        invite = await self.rest.post(
            f"/v1/workspaces/{workspace['id']}/invites", {"role": role, "max_uses": max(1, len(people))}
        )
        for person in people:
            await person.rest.post(f"/v1/invites/{invite['code']}/accept")

    async def channel(self, workspace: Json, name: str, *members: "Person", kind: str = "public") -> Json:
        made: Json = await self.rest.post(
            f"/v1/workspaces/{workspace['id']}/channels",
            {"name": name, "kind": kind, "members": [member.id for member in members]},
        )
        return await self.settled(made)

    async def direct(self, workspace: Json, *others: "Person") -> Json:
        kind = "dm" if len(others) == 1 else "group_dm"
        made: Json = await self.rest.post(
            f"/v1/workspaces/{workspace['id']}/channels", {"kind": kind, "members": [other.id for other in others]}
        )
        return await self.settled(made)

    async def settled(self, channel: Json, *, deadline_s: float = 15.0) -> Json:
        """The channel once its stream has told of each first member: that comes through the outbox, a moment later."""
        async with asyncio.timeout(deadline_s):
            while channel["seq"] < channel["member_count"]:
                await asyncio.sleep(0.02)
                channel = await self.rest.get(f"/v1/channels/{channel['id']}")
        return channel

    async def post(self, channel: Json | str, text: str, **more: object) -> Json:
        channel_id = channel if isinstance(channel, str) else channel["id"]
        made: Json = await self.rest.post("/v1/messages", {"channel_id": channel_id, "text": text, **more})
        return made

    async def page(self, channel: Json | str, **query: object) -> Json:
        channel_id = channel if isinstance(channel, str) else channel["id"]
        page: Json = await self.rest.get(f"/v1/channels/{channel_id}/messages", **query)
        return page

    async def history(self, channel: Json | str, *, limit: int = 200) -> list[Json]:
        """The whole channel, oldest first."""
        pages: list[Sequence[Json]] = []
        cursor = None
        while True:
            page = await self.page(channel, limit=limit, before=cursor)
            pages.append(page["results"])
            cursor = page["cursors"]["older"]
            if not cursor:
                break
        return [message for page in reversed(pages) for message in reversed(page)]

    async def close(self) -> None:
        for socket in self.sockets:
            await socket.close()
        await self.rest.close()
