"""How many relational queries each REST endpoint takes, caches warm. `python -m tests.budgets` writes queries.json."""

import asyncio
import json
import sys
from pathlib import Path

from bench.client import Json, Person
from bench.product import Product

FILE = Path(__file__).with_name("queries.json")
THUMB = "%F0%9F%91%8D"
# They take a few queries more while something is unread, and the owner's own posts are read a moment later.
COUNTING = frozenset({"channels", "channels browsed", "channel", "channel changed", "unreads"})


def endpoints(scene: dict[str, str]) -> list[tuple[str, str, str, Json | None]]:
    """(name, method, target, body); each is called twice and the second call counts."""
    w, c, m = (scene[name] for name in ("workspace", "channel", "message"))
    return [
        ("me", "GET", "/v1/me", None),
        ("status", "PUT", "/v1/me/status", {"emoji": "🎈", "text": "within budget"}),
        ("status cleared", "DELETE", "/v1/me/status", None),
        ("dnd", "PUT", "/v1/me/dnd", {"schedule": {"start": "22:00", "end": "08:00"}}),
        ("presence", "GET", f"/v1/workspaces/{w}/presence?ids={scene['people']}", None),
        ("sessions", "GET", "/v1/me/sessions", None),
        ("workspaces", "GET", "/v1/workspaces", None),
        ("workspace", "GET", f"/v1/workspaces/{w}", None),
        ("members", "GET", f"/v1/workspaces/{w}/members", None),
        ("members found", "GET", f"/v1/workspaces/{w}/members?q=p", None),
        ("invites", "GET", f"/v1/workspaces/{w}/invites", None),
        ("audit", "GET", f"/v1/workspaces/{w}/audit", None),
        ("bots", "GET", f"/v1/workspaces/{w}/bots", None),
        ("emoji", "GET", f"/v1/workspaces/{w}/emoji", None),
        ("groups", "GET", f"/v1/workspaces/{w}/groups", None),
        ("channels", "GET", f"/v1/workspaces/{w}/channels", None),
        ("channels browsed", "GET", f"/v1/workspaces/{w}/channels?filter=browse&q=b", None),
        ("channel", "GET", f"/v1/channels/{c}", None),
        ("channel members", "GET", f"/v1/channels/{c}/members", None),
        ("channel changed", "PATCH", f"/v1/channels/{c}", {"topic": "budget"}),
        ("notifications", "GET", f"/v1/workspaces/{w}/notifications", None),
        ("notifications changed", "PATCH", f"/v1/workspaces/{w}/notifications", {"level": "all"}),
        ("channel notifications", "GET", f"/v1/channels/{c}/notifications", None),
        ("channel notifications changed", "PATCH", f"/v1/channels/{c}/notifications", {"muted": True}),
        ("devices", "GET", "/v1/me/devices", None),
        ("device registered", "POST", "/v1/me/devices", {"kind": "fcm", "token": "budget"}),
        ("push key", "GET", "/v1/push/key", None),
        ("history", "GET", f"/v1/channels/{c}/messages", None),
        ("search", "GET", f"/v1/workspaces/{w}/search?q=hello+in:budget", None),
        ("post", "POST", "/v1/messages", {"channel_id": c, "text": "within budget, @person-1"}),
        ("reply", "POST", "/v1/messages", {"channel_id": c, "text": "too", "thread_id": m}),
        ("message", "GET", f"/v1/messages/{m}", None),
        ("message edited", "PATCH", f"/v1/messages/{m}", {"text": "edited"}),
        ("versions", "GET", f"/v1/messages/{m}/history", None),
        ("draft kept", "PUT", f"/v1/channels/{c}/draft", {"text": "to be"}),
        ("drafts", "GET", "/v1/me/drafts", None),
        ("saved", "PUT", f"/v1/messages/{m}/saved", {}),
        ("saved ones", "GET", f"/v1/workspaces/{w}/saved?ids=true", None),
        ("for later", "GET", f"/v1/workspaces/{w}/scheduled", None),
        ("reminders", "GET", f"/v1/workspaces/{w}/reminders", None),
        ("sidebar", "GET", f"/v1/workspaces/{w}/sidebar", None),
        ("pinned", "PUT", f"/v1/messages/{m}/pin", None),
        ("pins", "GET", f"/v1/channels/{c}/pins", None),
        ("replies", "GET", f"/v1/messages/{m}/replies", None),
        ("unreads", "GET", f"/v1/workspaces/{w}/unreads", None),
        ("activity", "GET", f"/v1/workspaces/{w}/activity?filter=mentions", None),
        ("activity in threads", "GET", f"/v1/workspaces/{w}/activity?filter=threads", None),
        ("activity of reactions", "GET", f"/v1/workspaces/{w}/activity?filter=reactions", None),
        ("marked unread", "POST", f"/v1/messages/{m}/unread", None),
        ("first unread", "GET", f"/v1/channels/{c}/first-unread", None),
        ("marker moved", "PUT", f"/v1/channels/{c}/marker", {}),
        ("thread's marker moved", "PUT", f"/v1/messages/{m}/marker", {}),
        ("all read", "POST", f"/v1/workspaces/{w}/read", None),
        ("reaction", "PUT", f"/v1/messages/{m}/reactions/{THUMB}", None),
        ("reaction taken back", "DELETE", f"/v1/messages/{m}/reactions/{THUMB}", None),
    ]


async def read(person: Person, workspace: Json, *, threads: bool) -> None:
    """Wait until nothing is unread, and until the thread that was replied to is followed."""
    async with asyncio.timeout(30):
        while True:
            left = await person.rest.get(f"/v1/workspaces/{workspace['id']}/unreads")
            if not any(row["unread"] for row in left["results"] + left["threads"]) and (left["threads"] or not threads):
                return
            await asyncio.sleep(0.1)


async def measure(*, people: int) -> dict[str, int]:
    """Counts by endpoint, in a workspace of so many people, channels and messages."""
    product = Product("embedded")
    product.roles["web-0"].argv = [sys.executable, "-m", "tests.budgets.counting"]
    try:
        await asyncio.to_thread(product.start)
        everyone = [await Person.sign_up(product.url, f"Person {index}") for index in range(people)]
        owner = everyone[0]
        workspace = await owner.workspace("Budget")
        await owner.bring(workspace, *everyone[1:])
        channel = await owner.channel(workspace, "budget", *everyone[1:])
        for index in range(people):
            await owner.channel(workspace, f"b-{index}", *everyone[1:])
            await everyone[index].post(channel, f"hello from {index}")
        message = await owner.post(channel, "counted")
        scene = {
            "workspace": workspace["id"],
            "channel": channel["id"],
            "message": message["message_id"],
            "people": ",".join(person.id for person in everyone),
        }
        found = {}
        for name, method, target, body in endpoints(scene):
            if name in COUNTING:
                await read(owner, workspace, threads=name == "unreads")
            for _ in range(2):
                answer = await owner.rest.raw(method, target, body=json.dumps(body).encode() if body else b"")
                assert answer.status < 300, (name, answer)
            found[name] = int(answer.headers["x-queries"])
        for person in everyone:
            await person.close()
        return found
    finally:
        await asyncio.to_thread(product.close)
