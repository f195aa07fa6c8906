"""Repeats what is said to it where somebody mentions it. steadfast_bot.py does more, and bridges a lost connection."""

import asyncio
import json
import os

import httpx
from websockets.asyncio.client import connect

URL, TOKEN = os.environ["SLACKCLONE_URL"].rstrip("/"), os.environ["SLACKCLONE_TOKEN"]


async def main() -> None:
    rest = httpx.AsyncClient(base_url=f"{URL}/v1", headers={"Authorization": f"Bearer {TOKEN}"})
    async with rest, connect(URL.replace("http", "ws", 1) + "/v1/socket") as socket:
        me = (await rest.get("/me")).raise_for_status().json()["id"]
        workspace = (await rest.get("/workspaces")).json()["results"][0]["id"]
        channels = (await rest.get(f"/workspaces/{workspace}/channels?limit=200")).json()["results"]
        await socket.send(json.dumps({"t": "auth", "token": TOKEN}))
        await socket.send(json.dumps({"t": "subscribe", "streams": {channel["stream"]: None for channel in channels}}))
        async for frame in socket:
            event = json.loads(frame)
            if event["t"] == "subscribed":
                print(f"listening to {len(channels)} channels", flush=True)
            elif event.get("type") == "message.posted" and any(m["user_id"] == me for m in event["data"]["mentions"]):
                answer = {key: event["data"][key] for key in ("channel_id", "thread_id")}
                answer["text"] = "You said: " + event["data"]["text"].replace("@", "")  # so that it mentions nobody
                (await rest.post("/messages", json=answer)).raise_for_status()


asyncio.run(main())
