"""Following streams: the right to it, what was missed, and from then on what comes, with nothing in between lost."""

import asyncio
import time
from collections.abc import Collection, Mapping

from apps.accounts import policies as scopes
from apps.accounts.principal import Principal
from apps.conversations import policies
from apps.conversations import queries as conversations
from apps.core.errors import InvalidError
from apps.eventlog import streams as names
from apps.gateway import frames, server
from apps.gateway.hub import Hub
from apps.gateway.stream import Socket, Stream

MAX_STREAMS = 2000
_DRAINED_BYTES = 128 * 1024
_POLL_S = 0.02


async def follow(
    hub: Hub, socket: Socket, principal: Principal, wanted: Mapping[str, int | None]
) -> tuple[dict[str, frames.Place], list[str]]:
    """Join streams; null: from now on, a number: after writing every event after it, or one `resync`.

    Returns the places joined and the names denied: those that are none, that nobody made, that the user may not see.
    Raises InvalidError for too many, UnavailableError when nothing is known of a stream now.
    """
    if len(socket.streams.keys() | wanted.keys()) > MAX_STREAMS:
        raise InvalidError(f"A socket follows at most {MAX_STREAMS} streams.")
    asked = {name: place for name in wanted if (place := names.parse(name)) is not None and _in_scope(principal, place)}
    claims = dict.fromkeys(asked, True)
    socket.claims = [*(socket.claims or ()), claims]
    try:
        # First the hub listens, then the right is checked: a loss of it is seen by the one or by the other.
        async with hub.opened(asked) as opened:
            allowed = await _allowed(principal, asked, opened)
            places: dict[str, frames.Place] = {}
            for name in allowed:
                after = wanted[name]
                if after is not None and not socket.closed:
                    await _replay(hub, socket, opened[name], after, claims, places)
            for name in allowed:  # without a pause between these and the answer, so that nothing comes before it
                if wanted[name] is None and claims[name] and not socket.closed:
                    places[name] = hub.join(socket, opened[name])
            previews = {name for name, preview in allowed.items() if preview and name in socket.streams}
            if previews:
                socket.previews = (socket.previews or set()) | previews
            return (
                {name: _as_it_is_now(opened[name], place) for name, place in places.items() if claims[name]},
                [name for name in wanted if not claims.get(name) or name not in allowed],
            )
    finally:
        socket.claims = [other for other in socket.claims or () if other is not claims] or None


def _as_it_is_now(stream: Stream, place: frames.Place) -> frames.Place:
    """The mode may have changed while other streams were joined."""
    mode: frames.Way = "push" if stream.pull is None else "pull"
    return place if place.mode == mode else frames.Place(seq=place.seq, count=place.count, mode=mode)


def _in_scope(principal: Principal, place: names.Stream) -> bool:
    if place.kind == "u":
        return place.id == principal.user_id
    return scopes.has_scope(principal, "messages:read" if place.kind == "c" else "members:read")


async def _allowed(
    principal: Principal, asked: Mapping[str, names.Stream], opened: Mapping[str, Stream]
) -> dict[str, bool]:
    """Those that the user may follow -> whether only the role gives the right, not a membership."""
    user_id = principal.user_id
    channels = {place.id: name for name, place in asked.items() if place.kind == "c"}
    seen = await conversations.access_many(channels, user_id) if channels else {}
    allowed: dict[str, bool] = {}
    for name, place in asked.items():
        if place.kind == "c":
            access = seen.get(place.id)
            if access is not None and policies.can_read(access):
                opened[name].workspace_id = access.workspace_id
                opened[name].direct = policies.is_direct(access)
                allowed[name] = not access.is_member
        elif place.kind == "u" or await conversations.follows_workspace(place.id, user_id):
            allowed[name] = False
    return allowed


async def _replay(
    hub: Hub, socket: Socket, stream: Stream, after: int, claims: Mapping[str, bool], places: dict[str, frames.Place]
) -> None:
    missed = await hub.repair.missed(stream, after)
    if socket.closed or not claims[stream.name]:
        return
    places[stream.name] = place = hub.join(socket, stream)
    if missed is None:
        hub.stats.resyncs += 1
        socket.write(server.frame(frames.encode(frames.Resync(stream=stream.name, seq=place.seq))))
    elif missed:
        hub.stats.deliveries += len(missed)
        socket.write(b"".join(missed))
        await drained(socket, hub.stalled_s)


async def drained(socket: Socket, deadline_s: float) -> None:
    """Wait until the other end has read most of what it was given; who reads nothing is closed by the hub's sweep."""
    until = time.monotonic() + deadline_s
    # Polled: few sockets get here, and for a short time.
    while socket.connection.buffered() > _DRAINED_BYTES and not socket.closed and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_S)


async def still_allowed(principal: Principal, previews: Collection[str]) -> set[str]:
    """Those of the channel streams that the user may still see."""
    places = {place.id: name for name in previews if (place := names.parse(name)) is not None}
    return {places[channel_id] for channel_id in await conversations.access_many(places, principal.user_id)}
