"""The only two ways into the log: `append_event` here, and `outbox.enqueue` for changes made in a transaction."""

from apps.eventlog import registry
from apps.eventlog.events import Envelope, Event, Position, encode
from apps.eventlog.ports import Log

VALUE_MAX_BYTES = 256 * 1024


class EventTooLargeError(ValueError):
    """The encoded event is larger than the log takes."""


def encode_event(
    *,
    event: Event,
    event_id: int,
    actor_id: int | None,
    workspace_id: int | None,
    dedupe: str | None = None,
    counts: bool = False,
    thread: tuple[int, str, int, int] | None = None,
    sealed: bytes | None = None,
) -> bytes:
    """The record's value. Raises EventTooLargeError."""
    value = encode(
        Envelope(
            type=event.type,
            version=event.version,
            event_id=event_id,
            actor_id=actor_id,
            workspace_id=workspace_id,
            dedupe=dedupe,
            counts=counts,
            thread=thread,
            body=encode(event),
            sealed=sealed,
        )
    )
    if len(value) > VALUE_MAX_BYTES:
        raise EventTooLargeError(f"{event.type} takes {len(value)} bytes, the limit is {VALUE_MAX_BYTES}")
    return value


async def append_event(
    *,
    stream: str,
    event: Event,
    event_id: int,
    actor_id: int | None,
    workspace_id: int | None,
    dedupe: str | None = None,
    counts: bool = False,
    thread: tuple[int, str, int, int] | None = None,
    sealed: bytes | None = None,
    log: Log | None = None,
) -> Position:
    """Durable on return. Raises LogUnavailableError: then it may or may not be; repeat it with the same `dedupe`."""
    value = encode_event(
        event=event,
        event_id=event_id,
        actor_id=actor_id,
        workspace_id=workspace_id,
        dedupe=dedupe,
        counts=counts,
        thread=thread,
        sealed=sealed,
    )
    return await (log or registry.log()).append(stream, value)
