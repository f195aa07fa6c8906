"""DEMO=1: a small workspace with people who have talked already. Made once; a second start finds it."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings

from apps.accounts import queries as accounts
from apps.accounts.actions.people import sign_up
from apps.accounts.client import Client
from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.conversations.actions import create_channel, join_channel, open_dm
from apps.messaging.actions import Posted, add_reaction, edit_message, post_message
from apps.web.actions import join_workspace, start_workspace
from apps.workspaces.actions import change_handle, create_invite

PEOPLE = {"ada": "Ada Lindqvist", "bela": "Béla Szabó", "chika": "Chika Mori", "dara": "Dara Okafor"}

# (who, channel, text, how many lines before the thread began, reactions)
# fmt: off
TALK: list[tuple[str, str, str, int | None, list[tuple[str, str]]]] = [
    ("ada", "general", "Good morning! 👋 Welcome to **Northwind**.", None, [("bela", "👋")]),
    ("bela", "general", "Morning. I'm putting the release notes together, send me what you have.", None, []),
    ("chika", "general", "Ohayō! The new timeline is in `main`.", None, [("ada", "🎉"), ("dara", "🎉")]),
    ("dara", "general", "@chika it feels *so* much faster. How did you do it?", None, []),
    ("chika", "general", "Only rows in view:\n```ts\nconst rows = visible(range, items)\n```", 1, []),
    ("dara", "general", "Of course. Thank you!", 2, [("chika", "🙂")]),
    ("ada", "release", "Today:\n1. freeze at noon\n2. test on phones\n3. ship at four", None, [("bela", "✅")]),
    ("bela", "release", "> test on phones\n\nI have three of them here, I'll take that.", None, [("ada", "🙏")]),
    ("dara", "release", "The draft is at https://example.org/notes, comments are welcome.", None, []),
    ("chika", "random", "Lunch? 🥟", None, [("ada", "🥟"), ("bela", "🥟"), ("dara", "🥟")]),
    ("dara", "random", "~~Twelve~~ half past twelve, please.", None, []),
]
# fmt: on


def _password() -> str:
    """The demo people's password, made at the first start."""
    file = Path(settings.DATA_DIR) / "demo-password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9))
    return file.read_text()


async def seed(*, read: Callable[[Callable[[], Any]], Awaitable[Any]]) -> list[str]:
    """The lines that tell how to sign in."""
    password = await asyncio.to_thread(_password)
    if not await read(lambda: accounts.user_by_email("ada@example.org")):
        await _talk(*await sync_to_async(_people)(password))
    emails = ", ".join(f"{name}@example.org" for name in PEOPLE)
    return [f"demo workspace Northwind: sign in as {emails}", f"password: {password}"]


def _people(password: str) -> tuple[dict[str, Principal], dict[str, int]]:
    client = Client(ip="127.0.0.1", user_agent="demo")
    people = {}
    for handle, name in PEOPLE.items():
        user = sign_up(email=f"{handle}@example.org", password=password, name=name, client=client)
        people[handle] = Principal(user_id=user.pk, session_id=None, is_bot=False, scopes=None, expires_at_ms=None)
    ada = people["ada"]
    workspace_id = start_workspace(actor=ada, name="Northwind").workspace_id
    found = conversations.my_channels(actor=ada, workspace_id=workspace_id).results
    channels = {str(channel.name): channel.pk for channel in found}
    release = create_channel(
        actor=ada,
        workspace_id=workspace_id,
        name="release",
        topic="Version 4 ships today",
        purpose="What goes out, and when",
    )
    channels["release"] = release.pk
    invite = create_invite(actor=ada, workspace_id=workspace_id, max_uses=len(PEOPLE))
    for handle, person in people.items():
        if handle != "ada":
            join_workspace(actor=person, code=invite.code)
            change_handle(actor=person, workspace_id=workspace_id, user_id=person.user_id, handle=handle)
            join_channel(actor=person, channel_id=release.pk)
    direct, _ = open_dm(actor=people["bela"], workspace_id=workspace_id, user_ids=[ada.user_id])
    channels["direct"] = direct.pk
    return people, channels


async def _talk(people: dict[str, Principal], channels: dict[str, int]) -> None:
    said: list[Posted] = []
    for who, channel, text, back, reactions in TALK:
        thread_id = said[-back].message_id if back else None
        posted = await post_message(
            actor=people[who], channel_id=channels[channel], text=text, thread_id=thread_id, wait=True
        )
        said.append(posted)
        for fan, emoji in reactions:
            await add_reaction(actor=people[fan], message_id=posted.message_id, emoji=emoji)
    hello = "Ada, do you have five minutes for the notes before noon?"
    posted = await post_message(actor=people["bela"], channel_id=channels["direct"], text=hello, wait=True)
    await edit_message(actor=people["bela"], message_id=posted.message_id, text=hello.replace("five", "ten"))
