"""Presence and typing at this gateway: the frames about them, and what the hub tells of sockets and of lost rights."""

import functools
from collections.abc import Collection, Sequence

import msgspec

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import policies
from apps.conversations import queries as conversations
from apps.core import threads
from apps.core.errors import NotFoundError
from apps.core.ids import MAX_ID
from apps.gateway import frames, server
from apps.gateway.stream import Socket
from apps.presence import queries
from apps.presence.chatter import Chatter
from apps.presence.engine import Engine
from apps.presence.policies import Person
from apps.presence.typists import Key


async def load(user_ids: Collection[int]) -> dict[int, Person]:
    return await threads.read(functools.partial(queries.people, list(user_ids)))


async def allow(viewer_id: int, user_ids: Collection[int]) -> set[int]:
    return await threads.read(functools.partial(queries.visible, viewer_id, list(user_ids)))


class Presence:
    def __init__(self, engine: Engine, chatter: Chatter) -> None:
        self.engine, self.chatter = engine, chatter

    def start(self) -> None:
        self.engine.start()
        self.chatter.start()

    async def stop(self) -> None:
        await self.chatter.stop()
        await self.engine.stop()

    async def watch(self, socket: Socket, principal: Principal, frame: frames.Watch) -> None:
        """Whom the user may not see, and who does not exist, is passed over."""
        require_scope(principal, "members:read")
        wanted = {int(user_id) for user_id in frame.users if int(user_id) <= MAX_ID}
        fresh = wanted.difference(self.engine.watched(socket))
        refused = fresh - (await allow(principal.user_id, fresh) if fresh else set())
        if socket.closed:
            return
        users = await self.engine.watch(socket, wanted - refused)
        if not socket.closed:
            tag = msgspec.json.encode(frame.id)
            socket.write(server.frame(b'{"t":"watching","id":%s,"users":%s}' % (tag, users)))

    async def typing(self, principal: Principal, frame: frames.Typing) -> None:
        """No answer. Raises NotFoundError, ForbiddenError for who may not post there."""
        channel_id = int(frame.channel_id)
        thread_id = None if frame.thread_id is None else int(frame.thread_id)
        key = Key(principal.user_id, thread_id)
        if channel_id > MAX_ID or (thread_id or 0) > MAX_ID:
            raise NotFoundError
        if self.chatter.repeats(channel_id, key, on=frame.on):
            return
        require_scope(principal, "messages:write")
        access = await conversations.access(channel_id, principal.user_id)
        policies.require(policies.can_take_part(access), access, "Join this channel to post in it.")
        if not self.chatter.is_off(channel_id):
            await self.chatter.put(channel_id, key, on=frame.on)

    async def recheck(self, sockets: Sequence[Socket]) -> None:
        """The user of these sockets lost a workspace."""
        for socket in sockets:
            await self.engine.recheck(socket, allow)
