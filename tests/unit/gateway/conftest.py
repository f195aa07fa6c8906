import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn
from channels.routing import URLRouter

from apps.gateway import registry, server
from apps.gateway.hub import Hub
from tests.unit.gateway.doubles import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    from apps.gateway import commands, follow, session

    made = World()
    monkeypatch.setattr(session.accounts, "authenticate_token", made.principal)
    monkeypatch.setattr(session.accounts, "authenticate_cookie", made.principal)
    monkeypatch.setattr(follow.conversations, "access_many", made.access_many)
    monkeypatch.setattr(follow.conversations, "follows_workspace", made.follows_workspace)
    monkeypatch.setattr(commands.actions, "post_message", made.post_message, raising=False)
    for name in ("edit_message", "delete_message", "add_reaction", "remove_reaction"):
        monkeypatch.setattr(commands.actions, name, made.change, raising=False)
    return made


@pytest.fixture
async def hub(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    made = world.make_hub(stalled_s=0.3)
    monkeypatch.setattr(registry, "hub", lambda: made)
    yield made
    await made.stop()


Serve = Callable[[Any], Any]


@contextlib.asynccontextmanager
async def serving(application: Any, config: uvicorn.Server | None = None) -> AsyncIterator[int]:
    listener = server.bind("127.0.0.1", 0)
    made = config or server.make_server(application)
    task = asyncio.create_task(made.serve(sockets=[listener]))
    try:
        while not made.started:
            await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
    finally:
        made.should_exit = True
        await task


@pytest.fixture
async def served(world: World, hub: Hub) -> AsyncIterator[World]:
    from apps.gateway.routing import websocket_urlpatterns

    async with serving(URLRouter(websocket_urlpatterns)) as port:
        world.port = port
        yield world
        for socket in list(hub.sockets()):
            socket.connection.abort()
