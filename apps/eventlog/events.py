"""What a log record holds, and what it is once the sequencer has given it its place.

Everything here is encoded as MessagePack. Bodies carry ids as strings, since they go to JavaScript as they are.
"""

from typing import ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of every event's body. A room declares its events in its own events.py as frozen subclasses.

    `type` is the wire name ("message.posted"), `version` rises when the meaning of a field changes, `audience` says who
    may see it: everyone who may follow the stream it is appended to.
    """

    type: ClassVar[str]
    version: ClassVar[int] = 1
    audience: ClassVar[str] = "stream"


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """One record of the log. The log's key is the stream; the value is this, encoded.

    event_id      Snowflake, minted at the door; for message.posted it is the message id
    dedupe        idempotency key within the stream, or None; see sequencer
    counts        whether it adds a top-level message to the channel's count
    thread        (message id, bucket, created_at, seq) of the parent message when this posts a reply, else None
    body          the event, encoded
    sealed        content under AES-256-GCM, bound to `seal_context(stream, event_id)`, or None
    """

    type: str
    version: int
    event_id: int
    actor_id: int | None
    workspace_id: int | None
    dedupe: str | None
    counts: bool
    thread: tuple[int, str, int, int] | None
    body: bytes
    sealed: bytes | None


class Position(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Where a record lies in the log. Offsets grow within a partition; a stream never changes its partition."""

    partition: int
    offset: int


class Sequenced(msgspec.Struct, frozen=True, array_like=True):
    """An event with its place, computed from the log alone.

    seq         1, 2, 3 … within the stream, no gaps
    count       top-level messages in the stream up to and including this event
    thread_n    for a reply: its place among the replies of its thread, from 1; else 0
    created_at  milliseconds since the epoch, never decreasing within the stream
    bucket      the store's bucket of the channel in which this event falls: YYYY_MM, or YYYY_MM.N for overflow part N
    """

    stream: str
    seq: int
    count: int
    thread_n: int
    created_at: int
    bucket: str
    position: Position
    envelope: Envelope


class Duplicate(msgspec.Struct, frozen=True, array_like=True):
    """A record that repeated an earlier one's `dedupe` key and so became no event. `original` is what stands."""

    event_id: int
    original_event_id: int
    original_seq: int
    original_created_at: int


class Ephemeral(msgspec.Struct, frozen=True, array_like=True):
    """Something that is worth nothing a moment later (typing, presence): never in the log. `key` coalesces."""

    type: str
    key: str
    body: bytes


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """What one broadcast carries: events of one stream in seq order. It may be lost or repeated on the way."""

    stream: str
    events: list[Sequenced] = []
    duplicates: list[Duplicate] = []
    ephemeral: list[Ephemeral] = []


def seal_context(stream: str, event_id: int) -> bytes:
    """What a sealed content is bound to."""
    return f"{stream}|{event_id}".encode()


_encoder = msgspec.msgpack.Encoder()
_envelope_decoder = msgspec.msgpack.Decoder(Envelope)
_batch_decoder = msgspec.msgpack.Decoder(Batch)
encode = _encoder.encode
decode_envelope = _envelope_decoder.decode
decode_batch = _batch_decoder.decode
