"""What an event of a channel's stream means for the store: read once here for every backend."""

import logging
from collections.abc import Mapping

import msgspec

from apps.conversations import events as channels
from apps.eventlog.events import Event, Sequenced
from apps.messaging.events import EVENTS, MessagePinned

_log = logging.getLogger(__name__)
_decoders: Mapping[str, msgspec.msgpack.Decoder[Event]] = {
    name: msgspec.msgpack.Decoder(event) for name, event in EVENTS.items()
}
IDEMPOTENCY_MS = 48 * 3600 * 1000
NOTICES = frozenset(
    event.type
    for event in (
        channels.MemberJoined,
        channels.MemberLeft,
        channels.ChannelUpdated,
        channels.ChannelArchived,
        channels.ChannelUnarchived,
        MessagePinned,
    )
)


def noticed_in(event: Sequenced) -> int | None:
    """The channel in whose timeline the event is told, between its messages."""
    if event.envelope.type in NOTICES and event.stream.startswith("c:"):
        return int(event.stream[2:])
    return None


def body(event: Sequenced) -> Event | None:
    """The body of one of this room's events, else None.

    One that can't be read is logged and counts as foreign: it keeps its place in the stream and changes no message,
    rather than stopping the partition for everyone.
    """
    decoder = _decoders.get(event.envelope.type)
    if decoder is None:
        return None
    try:
        return decoder.decode(event.envelope.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _log.exception("unreadable body of %s at %s seq %d", event.envelope.type, event.stream, event.seq)
        return None
