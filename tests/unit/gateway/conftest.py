import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from channels.routing import URLRouter
from uvicorn.server import ServerState

from apps.gateway import handshake, registry, server
from apps.gateway.hub import Hub
from apps.gateway.proofs import Proofs
from tests.unit.gateway.doubles import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr("apps.accounts.queries.authenticate_tokens", made.principals)
    monkeypatch.setattr("apps.accounts.queries.authenticate_cookies", made.principals)
    monkeypatch.setattr("apps.accounts.queries.ended", made.ended)
    monkeypatch.setattr(registry, "proofs", functools.cache(Proofs))
    monkeypatch.setattr("apps.conversations.queries.access_many", made.access_many)
    monkeypatch.setattr("apps.conversations.queries.follows_workspace", made.follows_workspace)
    monkeypatch.setattr("apps.messaging.actions.post_message", made.post_message)
    for name in ("edit_message", "delete_message", "add_reaction", "remove_reaction"):
        monkeypatch.setattr(f"apps.messaging.actions.{name}", made.change)
    return made


@pytest.fixture
async def hub(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    made = world.make_hub(stalled_s=0.3)
    monkeypatch.setattr(registry, "hub", lambda: made)
    yield made
    await made.stop()


@contextlib.asynccontextmanager
async def serving(application: Any, config: uvicorn.Config | None = None) -> AsyncIterator[int]:
    """Serve in this loop with the protocols of `config`, without the seconds that a server takes to end."""
    loop = asyncio.get_running_loop()
    config = config or server.make_server(application).config
    config.load()
    state = ServerState()

    def connected() -> asyncio.Protocol:
        protocol: Any = config.http_protocol_class
        made: asyncio.Protocol = protocol(config=config, server_state=state, app_state={}, _loop=loop)
        return made

    listener = server.bind("127.0.0.1", 0)
    listening = await loop.create_server(connected, sock=listener)
    try:
        yield listener.getsockname()[1]
    finally:
        listening.close()
        for connection in list(state.connections):
            _abort(connection)
        await asyncio.gather(*state.tasks, return_exceptions=True)
        await asyncio.sleep(0)


def _abort(connection: Any) -> None:
    getattr(connection, "transport", connection).abort()


@pytest.fixture
async def served(world: World, hub: Hub, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """As the product is served; with the parameter "stock" through uvicorn's own handshake and the consumer."""
    from apps.gateway.consumers import enter
    from apps.gateway.routing import SOCKET_PATH, websocket_urlpatterns

    doors = {} if getattr(request, "param", None) == "stock" else {SOCKET_PATH: enter}
    application = URLRouter(websocket_urlpatterns)
    async with serving(application, server.make_server(application, http=handshake.front(doors)).config) as port:
        world.port = port
        yield world
        for socket in list(hub.sockets()):
            socket.connection.abort()
