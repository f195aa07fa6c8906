"""Which posts may concern somebody at all: asked for every message, before any task exists, so it must be cheap.

What names people, everyone or a thread does. Of the rest the channel decides: a direct one does, and one in which
somebody wants to hear of everything or waits for a word. That is asked once per channel and CACHE_S; whoever changes
their preferences hears of everything that much later at most.
"""

import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from apps.eventlog import streams
from apps.eventlog.events import Sequenced
from apps.notifications import posts

CACHE_S = 10.0
CACHE_MAX = 50_000


class _Named(msgspec.Struct):
    """The part of MessagePosted that says whom it names."""

    mentioned: list[str] = []
    mentions_all: str | None = None
    mentioned_groups: list[str] = []


_decode = msgspec.msgpack.Decoder(_Named).decode


class Concerns:
    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[int, tuple[bool, float]] = {}

    def concerning(self, events: Sequence[Sequenced]) -> list[Sequenced]:
        """Those of the posts for which somebody must be asked. Blocks; raises what the database raises."""
        plain = [(event, _unnamed(event)) for event in events]
        listened = self._listened(
            {channel_id: event.envelope.workspace_id or 0 for event, channel_id in plain if channel_id is not None}
        )
        return [event for event, channel_id in plain if channel_id is None or channel_id in listened]

    def _listened(self, channels: dict[int, int]) -> set[int]:
        now = self._clock()
        with self._lock:
            known = {
                channel_id: self._known[channel_id][0]
                for channel_id in channels
                if channel_id in self._known and self._known[channel_id][1] > now
            }
        unknown = {channel_id: channels[channel_id] for channel_id in channels if channel_id not in known}
        if unknown:
            found = posts.listened(unknown)
            with self._lock:
                for channel_id in unknown:
                    self._known[channel_id] = channel_id in found, now + CACHE_S
                while len(self._known) > CACHE_MAX:
                    del self._known[next(iter(self._known))]
            known |= {channel_id: channel_id in found for channel_id in unknown}
        return {channel_id for channel_id, wanted in known.items() if wanted}


def _unnamed(event: Sequenced) -> int | None:
    """The channel of a post that names nobody; None when it does, or can't be read."""
    if event.envelope.thread is not None:
        return None
    try:
        named = _decode(event.envelope.body)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
    stream = streams.parse(event.stream)
    return None if named.mentioned or named.mentioned_groups or named.mentions_all or stream is None else stream.id


_concerns = Concerns()
concerning = _concerns.concerning
