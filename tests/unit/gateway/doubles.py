"""Small stand-ins for what lies below the gateway, and a served gateway to talk to."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from apps.accounts.principal import Principal
from apps.conversations.access import Access
from apps.core.errors import AppError, UnauthenticatedError
from apps.eventlog.events import Batch, Envelope, Ephemeral, Position, Sequenced
from apps.eventlog.ports import Handler
from apps.gateway import server
from apps.gateway.hub import Hub
from apps.messaging.ports import Head, StoreUnavailableError

WORKSPACE = 7


def event(
    stream: str, seq: int, *, kind: str = "message.posted", body: dict[str, Any] | None = None, count: int | None = None
) -> Sequenced:
    envelope = Envelope(
        kind, 1, 1000 + seq, 1, WORKSPACE, None, True, None, msgspec.msgpack.encode(body or {"n": seq}), None
    )
    return Sequenced(stream, seq, seq if count is None else count, 0, seq, "2024_01", Position(0, seq), envelope)


class StoreDouble:
    """The two reads of the store that the hub needs. `down` makes both fail; `gate`, when set, holds reads back."""

    def __init__(self) -> None:
        self.logs: dict[str, list[Sequenced]] = {}
        self.reads: list[tuple[str, int]] = []
        self.head_reads = 0
        self.down = False
        self.gate: asyncio.Event | None = None

    def put(self, *events: Sequenced) -> None:
        for one in events:
            self.logs.setdefault(one.stream, []).append(one)

    def fill(self, stream: str, upto: int) -> None:
        self.put(*(event(stream, seq) for seq in range(len(self.logs.get(stream, ())) + 1, upto + 1)))

    async def heads(self, streams: Sequence[str]) -> Mapping[str, Head]:
        self.head_reads += 1
        if self.down:
            raise StoreUnavailableError
        return {
            name: Head(self.logs[name][-1].seq, self.logs[name][-1].count, 0, Position(0, 0), "2024_01", 0)
            for name in streams
            if self.logs.get(name)
        }

    async def events(self, stream: str, *, after: int, limit: int) -> Sequence[Sequenced]:
        self.reads.append((stream, after))
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise StoreUnavailableError
        return self.logs.get(stream, [])[after : after + limit]


class TailDouble:
    """`logs` holds what the tail has."""

    def __init__(self) -> None:
        self.logs: dict[str, list[Sequenced]] = {}

    def keep(self, _events: Sequence[Sequenced]) -> None:
        return

    async def read(self, stream: str, *, after: int, upto: int) -> Sequence[Sequenced] | None:
        await asyncio.sleep(0)
        found = [one for one in self.logs.get(stream, ()) if after < one.seq <= upto]
        return found if len(found) == upto - after else None

    async def newest(self, stream: str, *, limit: int) -> Sequence[Sequenced]:
        return self.logs.get(stream, [])[-limit:]

    async def close(self) -> None:
        return


class BroadcastDouble:
    def __init__(self) -> None:
        self.handlers: dict[str, list[Handler]] = {}
        self.healthy = True
        self.published: list[Batch] = []

    async def publish(self, batch: Batch) -> None:
        self.published.append(batch)
        self.emit(batch)

    def emit(self, batch: Batch) -> None:
        for handler in list(self.handlers.get(batch.stream, ())):
            handler(batch)

    def events(self, *events: Sequenced) -> None:
        self.emit(Batch(events[0].stream, list(events)))

    def signal(self, stream: str, kind: str, key: str = "", body: bytes = b"") -> None:
        self.emit(Batch(stream, ephemeral=[Ephemeral(kind, key, body)]))

    async def subscribe(self, stream: str, handler: Handler) -> None:
        await asyncio.sleep(0)
        self.handlers.setdefault(stream, []).append(handler)

    async def unsubscribe(self, stream: str, handler: Handler) -> None:
        self.handlers[stream].remove(handler)
        if not self.handlers[stream]:
            del self.handlers[stream]

    async def close(self) -> None:
        return


class PresenterDouble:
    """Cold until warmed once; a type in `broken` can't be shown."""

    def __init__(self) -> None:
        self.cold = False
        self.broken: set[str] = set()
        self.presented = 0

    async def warm(self, _events: Sequence[Sequenced]) -> None:
        await asyncio.sleep(0)
        self.cold = False

    def warmed(self, _events: Sequence[Sequenced]) -> bool:
        return not self.cold

    def present(self, one: Sequenced) -> bytes:
        if one.envelope.type in self.broken:
            raise ValueError(one.envelope.type)
        self.presented += 1
        frame = {"t": "event", "stream": one.stream, "seq": one.seq, "count": one.count, "type": one.envelope.type}
        return json.dumps(frame | {"data": msgspec.msgpack.decode(one.envelope.body)}).encode()


class NotifiedDouble:
    """What the notifications were told; `down` makes every call fail."""

    def __init__(self) -> None:
        self.seen: dict[int, dict[str, int]] = {}
        self.unacknowledged: list[tuple[int, str, int]] = []
        self.down = False

    async def record(self, user_id: int, streams: Mapping[str, int]) -> None:
        await asyncio.sleep(0)
        self.seen.setdefault(user_id, {}).update(streams)

    async def report(self, user_id: int, stream: str, seq: int) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise OSError("down")
        self.unacknowledged.append((user_id, stream, seq))


class ConnectionDouble:
    """Records writes; holds them back while `stuck`."""

    def __init__(self, socket: Any, hub: Hub) -> None:
        self._socket, self._hub = socket, hub
        self.writes: list[bytes] = []
        self.held = 0
        self.stuck = False
        self.codes: list[int] = []
        self.aborted = False
        self.paused = False

    def write(self, frames: bytes) -> None:
        if self.codes or self.aborted:
            return
        self.writes.append(frames)
        if self.stuck:
            waiting, self.held = self.held, self.held + len(frames)
            self._hub.on_held(self._socket, waiting)

    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for write in self.writes for payload in server.payloads(write)]

    def seqs(self, stream: str = "c:1") -> list[int]:
        return [f["seq"] for f in self.frames() if f["t"] == "event" and f["stream"] == stream]

    def buffered(self) -> int:
        return self.held

    def taken(self) -> int:
        return 0

    def close(self, code: int) -> None:
        self.codes.append(code)

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


@dataclass
class World:
    """A gateway with everything below it doubled. Tokens are `user.ID` or `user.ID.PROOF`."""

    store: StoreDouble = field(default_factory=StoreDouble)
    broadcast: BroadcastDouble = field(default_factory=BroadcastDouble)
    tail: TailDouble = field(default_factory=TailDouble)
    presenter: PresenterDouble = field(default_factory=PresenterDouble)
    notified: NotifiedDouble = field(default_factory=NotifiedDouble)
    direct: set[int] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)
    previews: set[int] = field(default_factory=set)
    guests: set[int] = field(default_factory=set)
    revoked: set[int] = field(default_factory=set)
    posts: list[dict[str, Any]] = field(default_factory=list)
    post_error: AppError | None = None
    post_gates: dict[str, asyncio.Event] = field(default_factory=dict)
    port: int = 0

    def make_hub(self, name: str = "g1", **limits: Any) -> Hub:
        return Hub(
            gateway=name,
            store=lambda: self.store,  # type: ignore[arg-type,return-value]  # the part that the hub uses
            broadcast=lambda: self.broadcast,
            tail=lambda: self.tail,
            presenter=self.presenter,
            notified=lambda: self.notified,
            **limits,
        )

    def principal(self, token: str) -> Principal:
        kind, _, rest = token.partition(".")
        if kind not in {"user", "bot"}:
            raise UnauthenticatedError
        user, _, proof = rest.partition(".")
        scopes = None if kind == "user" else frozenset({"messages:read"})
        try:
            return Principal(user_id=int(user), session_id=int(proof or user), is_bot=kind == "bot", scopes=scopes)
        except ValueError as error:
            raise UnauthenticatedError from error

    def principals(self, tokens: Collection[str]) -> dict[str, Principal | UnauthenticatedError]:
        return {token: self._answer(token) for token in tokens}

    def ended(self, proofs: Collection[int]) -> set[int]:
        return self.revoked & set(proofs)

    def _answer(self, token: str) -> Principal | UnauthenticatedError:
        try:
            return self.principal(token)
        except UnauthenticatedError as error:
            return error

    async def access_many(self, channel_ids: Collection[int], user_id: int) -> dict[int, Any]:
        return {
            number: Access(
                number,
                WORKSPACE,
                "dm" if number in self.direct else "public",
                False,
                number not in self.previews,
                "member",
                user_id,
            )
            for number in channel_ids
            if number not in self.hidden
        }

    async def follows_workspace(self, workspace_id: int, user_id: int) -> bool:
        return workspace_id == WORKSPACE and user_id not in self.guests

    async def post_message(self, **given: Any) -> Any:
        if (gate := self.post_gates.get(given["text"])) is not None:
            await gate.wait()
        if self.post_error is not None:
            raise self.post_error
        self.posts.append(given)

        @dataclass
        class Posted:
            message_id: int = 5000 + len(self.posts)
            timestamp: int = 1234

        return Posted()

    async def change(self, **given: Any) -> None:
        self.posts.append(given)

    @contextlib.asynccontextmanager
    async def client(
        self, token: str | None = "user.1", *, origin: str | None = None, **more: Any
    ) -> AsyncIterator["Client"]:
        protocols = ["slackclone.v1"] + ([f"bearer.{token}"] if token else [])
        async with connect(
            f"ws://127.0.0.1:{self.port}/v1/socket",
            subprotocols=protocols,  # type: ignore[arg-type]
            origin=origin,  # type: ignore[arg-type]
            compression=None,
            open_timeout=5,
            **more,
        ) as connection:
            yield Client(connection)


class Client:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, frame: Any) -> None:
        await self.connection.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def next(self, kind: str | None = None) -> Any:
        """The next frame; of this kind, passing over others."""
        async with asyncio.timeout(5):
            while True:
                frame = json.loads(await self.connection.recv())
                if kind is None or frame["t"] == kind:
                    return frame

    async def hello(self) -> Any:
        """Say something, so that the gateway does not wait for a resume."""
        await self.send({"t": "ping", "id": 0})
        frame = await self.next("hello")
        await self.next("pong")
        return frame

    async def subscribe(self, **streams: int | None) -> Any:
        await self.send({"t": "subscribe", "id": 1, "streams": {k.replace("_", ":"): v for k, v in streams.items()}})
        return await self.next("subscribed")

    async def close_code(self) -> int | None:
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        return self.connection.close_code
