"""A socket without manners: sends what a test says, and shows what comes."""

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.client import SUBPROTOCOL, Json

DEADLINE_S = 10.0


class Raw:
    def __init__(
        self, base_url: str, *, headers: Mapping[str, str] | None = None, subprotocols: tuple[str, ...] = (SUBPROTOCOL,)
    ) -> None:
        self._url = base_url.replace("http", "ws", 1) + "/v1/socket"
        self._headers = dict(headers or {})
        self._subprotocols = subprotocols
        self.connection: ClientConnection

    async def __aenter__(self) -> Self:
        """Raises websockets' InvalidStatus when the handshake is refused."""
        self.connection = await connect(
            self._url,
            additional_headers=self._headers,
            subprotocols=self._subprotocols or None,  # type: ignore[arg-type]  # Subprotocol is a NewType of str
            ping_interval=None,
            max_size=None,
            compression=None,
            proxy=None,
            close_timeout=1,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connection.close()

    async def send(self, frame: Json | str | bytes) -> None:
        await self.connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def receive(self, *, deadline_s: float = DEADLINE_S) -> Json:
        frame: Json = json.loads(await asyncio.wait_for(self.connection.recv(), deadline_s))
        return frame

    async def until(self, kind: str, **fields: Any) -> Json:
        """The first frame of a kind with these fields."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                frame = await self.receive()
                if frame["t"] == kind and fields.items() <= frame.items():
                    return frame

    async def close_code(self) -> int:
        """The code with which the server closes; what comes before is dropped."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006

    async def signed_in(self, token: str) -> Json:
        await self.send({"t": "auth", "token": token})
        return await self.until("hello")
