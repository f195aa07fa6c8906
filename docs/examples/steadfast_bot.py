"""Repeats what is said to it: in direct messages, and in its channels where somebody mentions it.

SLACKCLONE_URL=http://localhost:8000 SLACKCLONE_TOKEN=scb_… python steadfast_bot.py
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

URL, TOKEN = os.environ["SLACKCLONE_URL"].rstrip("/"), os.environ["SLACKCLONE_TOKEN"]


last: dict[str, int | None] = {}  # stream -> seq of the last event that is dealt with; None: from now on
added: dict[str, int] = {}  # stream -> when we were added to its channel: what was said long before is not for us


async def main() -> None:
    async with httpx.AsyncClient(base_url=URL, headers={"Authorization": f"Bearer {TOKEN}"}) as rest:
        me = (await get(rest, "/v1/me"))["id"]
        last[f"u:{me}"] = None
        async for socket in connect(URL.replace("http", "ws", 1) + "/v1/socket"):
            try:
                await listen(socket, rest, me)
            except (ConnectionClosed, httpx.HTTPError) as error:
                if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code in {4401, 4410}:
                    raise SystemExit("The token is not valid.") from error
                print("again:", error, flush=True)
                await asyncio.sleep(1)  # and on from where it was


async def listen(socket: ClientConnection, rest: httpx.AsyncClient, me: str) -> None:
    await say(socket, t="auth", token=TOKEN)
    await say(socket, t="subscribe", id=1, streams=last)
    async for frame in frames(socket):
        stream = frame.get("stream", "")
        if frame["t"] == "subscribed":  # what was missed came before it
            last.update({name: max(last.get(name) or 0, at["seq"]) for name, at in frame["streams"].items()})
            if new := await not_followed(rest):
                last.update(new)
                await say(socket, t="subscribe", id=2, streams=new)
            else:
                print(f"listening to {len(last) - 1} channels", flush=True)
        elif frame["t"] == "error":
            print(frame["code"], frame["detail"], flush=True)
        elif frame["t"] == "resync":  # so much was missed that it is not told again
            last[stream] = frame["seq"]
        elif frame["t"] == "event":
            if frame["type"] == "membership.added":
                name = f"c:{frame['data']['channel_id']}"
                added[name] = frame["timestamp"] - 10_000  # it is told a little after it happened
                await say(socket, t="subscribe", id=3, streams={name: last.setdefault(name, 0)})
            elif frame["type"] == "message.posted" and frame["timestamp"] >= added.get(stream, 0):
                await answer(rest, frame["data"], me)
            last[stream] = frame["seq"]


async def not_followed(rest: httpx.AsyncClient) -> dict[str, None]:
    (workspace,) = (await get(rest, "/v1/workspaces"))["results"]  # a bot is in the one that made it
    channels = (await get(rest, f"/v1/workspaces/{workspace['id']}/channels?limit=200"))["results"]
    return {channel["stream"]: None for channel in channels if channel["stream"] not in last}


async def answer(rest: httpx.AsyncClient, message: dict[str, Any], me: str) -> None:
    mentioned = any(mention["user_id"] == me for mention in message["mentions"])
    if message["sender_id"] == me or message["deleted"]:
        return
    if mentioned or (await get(rest, f"/v1/channels/{message['channel_id']}"))["kind"] == "dm":
        reply = {key: message[key] for key in ("channel_id", "thread_id")} | {
            "text": "You said: " + message["text"].replace("@", "")[:4000],  # mentions nobody: two bots would never end
            "client_msg_id": f"echo-{message['message_id']}",  # said again after a drop, it is one message all the same
        }
        answered = await rest.post("/v1/messages", json=reply)
        if answered.status_code == 429 or answered.status_code >= 500:  # the message comes again after a pause
            answered.raise_for_status()


async def frames(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    while True:
        try:
            yield json.loads(await asyncio.wait_for(socket.recv(), 20))
        except TimeoutError:  # nobody says anything; a socket that is silent for long is closed
            await say(socket, t="ping", id=0)


async def say(socket: ClientConnection, **frame: Any) -> None:
    await socket.send(json.dumps(frame))


async def get(rest: httpx.AsyncClient, path: str) -> Any:
    return (await rest.get(path)).raise_for_status().json()


if __name__ == "__main__":
    asyncio.run(main())
