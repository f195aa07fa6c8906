"""What everybody writes with Channels: a consumer in a group, `group_send`, one channel-layer message per socket.

The baseline of `bench fanout`, on the same server (uvicorn, websockets-sansio, uvloop) with the in-memory layer.
"""

import sys
from typing import Any

import uvicorn
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

settings.configure(
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 100_000}}}
)


class Stock(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    async def connect(self) -> None:
        await self.channel_layer.group_add("room", self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - Channels' signature
        await self.channel_layer.group_discard("room", self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        if text_data and text_data.startswith('{"t":"send"'):
            await self.channel_layer.group_send("room", {"type": "chat.event", "text": text_data})

    async def chat_event(self, event: dict[str, Any]) -> None:
        # The same size on the wire as an event of ours.
        await self.send(text_data='{"t":"event"' + event["text"][11:])


application = Stock.as_asgi()


def main(port: int) -> None:
    uvicorn.run(
        _lifespanless,
        host="127.0.0.1",
        port=port,
        ws="websockets-sansio",
        loop="uvloop",
        log_level="warning",
        lifespan="off",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )


async def _lifespanless(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await application(scope, receive, send)
    else:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    main(int(sys.argv[1]))
