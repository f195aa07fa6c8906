"""The same capabilities through each door, so that one behaviour table runs through all of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from bench.client import Json, Person, ProblemError, SocketClient

_CONNECTIONS = 32
_ENOUGH = 5


class Acts(Protocol):
    async def post(self, channel_id: str, text: Any, **more: Any) -> str: ...
    async def edit(self, message_id: str, text: Any) -> None: ...
    async def delete(self, message_id: str) -> None: ...
    async def react(self, message_id: str, emoji: Any, *, on: bool = True) -> None: ...
    async def many_posts(self, channel_id: str, texts: Sequence[str]) -> list[str | BaseException]: ...
    async def mark(self, channel_id: str, n: Any) -> None: ...
    async def presence(self, workspace_id: str, user_id: str) -> Json | None: ...


class Door(Protocol):
    """`retry` is what a repeated post carries."""

    retry: Mapping[str, Any]

    def of(self, person: Person) -> contextlib.AbstractAsyncContextManager[Acts]: ...


class _Rest:
    def __init__(self, person: Person) -> None:
        self.rest = person.rest

    async def post(self, channel_id: str, text: Any, **more: Any) -> str:
        made: Json = await self.rest.post("/v1/messages", {"channel_id": channel_id, "text": text, **more})
        return str(made["message_id"])

    async def edit(self, message_id: str, text: Any) -> None:
        await self.rest.patch(f"/v1/messages/{message_id}", {"text": text})

    async def delete(self, message_id: str) -> None:
        await self.rest.delete(f"/v1/messages/{message_id}")

    async def react(self, message_id: str, emoji: Any, *, on: bool = True) -> None:
        await self.rest.call(
            "PUT" if on else "DELETE", f"/v1/messages/{message_id}/reactions/{quote(str(emoji), safe='')}"
        )

    async def mark(self, channel_id: str, n: Any) -> None:
        await self.rest.call("PUT", f"/v1/channels/{channel_id}/marker", {"n": n})

    async def presence(self, workspace_id: str, user_id: str) -> Json | None:
        """None: not for this person to see."""
        answer = await self.rest.get(f"/v1/workspaces/{workspace_id}/presence", ids=user_id)
        return next(iter(answer["results"]), None)

    async def many_posts(self, channel_id: str, texts: Sequence[str]) -> list[str | BaseException]:
        """As fast as many connections go, until some were refused."""
        results: list[str | BaseException] = []
        queue = iter(texts)

        async def work() -> None:
            for text in queue:
                try:
                    results.append(await self.post(channel_id, text))
                except ProblemError as error:
                    results.append(error)
                    if sum(isinstance(result, ProblemError) for result in results) >= _ENOUGH:
                        return

        await asyncio.gather(*(work() for _ in range(_CONNECTIONS)))
        return results


class _Socket:
    def __init__(self, socket: SocketClient) -> None:
        self.socket = socket

    async def post(self, channel_id: str, text: Any, **more: Any) -> str:
        frame = await self.command({"t": "send", "channel_id": channel_id, "text": text, **more})
        return str(frame["message_id"])

    async def edit(self, message_id: str, text: Any) -> None:
        await self.socket.edit(message_id, text)

    async def delete(self, message_id: str) -> None:
        await self.socket.delete(message_id)

    async def react(self, message_id: str, emoji: Any, *, on: bool = True) -> None:
        await self.socket.react(message_id, emoji, on=on)

    async def mark(self, channel_id: str, n: Any) -> None:
        await self.socket.command({"t": "mark", "channel_id": channel_id, "n": n})

    async def presence(self, workspace_id: str, user_id: str) -> Json | None:
        del workspace_id
        answer = await self.socket.command({"t": "watch", "users": [user_id]})
        found: Json | None = answer["users"].get(user_id)
        return found

    async def command(self, frame: Json) -> Json:
        """Unlike the client's own outbox it doesn't repeat: the first answer counts."""
        frame.setdefault("client_msg_id", f"door-{id(frame):x}-{asyncio.get_running_loop().time()}")
        return await self.socket.command(frame)

    async def many_posts(self, channel_id: str, texts: Sequence[str]) -> list[str | BaseException]:
        return await asyncio.gather(*(self.post(channel_id, text) for text in texts), return_exceptions=True)


class _RestDoor:
    retry: Mapping[str, Any] = {}

    def __str__(self) -> str:
        return "rest"

    @contextlib.asynccontextmanager
    async def of(self, person: Person) -> AsyncIterator[Acts]:
        yield _Rest(person)


class _SocketDoor:
    retry: Mapping[str, Any] = {"retry": True}

    def __str__(self) -> str:
        return "socket"

    @contextlib.asynccontextmanager
    async def of(self, person: Person) -> AsyncIterator[Acts]:
        async with SocketClient(person.base_url, person.token) as socket:
            yield _Socket(socket)


DOORS: tuple[Door, ...] = (_RestDoor(), _SocketDoor())
