from typing import ClassVar

import msgspec
import pytest

from apps.eventlog.append import VALUE_MAX_BYTES, EventTooLargeError, append_event, encode_event
from apps.eventlog.events import Envelope, Event, Position, decode_envelope


class Happened(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "test.happened"
    version: ClassVar[int] = 3
    what: str


class Log:
    partitions = 1

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes]] = []

    async def append(self, key: str, value: bytes) -> Position:
        self.records.append((key, value))
        return Position(0, len(self.records) - 1)


async def test_an_event_is_appended_under_its_stream() -> None:
    log = Log()
    position = await append_event(
        stream="c:1",
        event=Happened(what="x"),
        event_id=5,
        actor_id=6,
        workspace_id=7,
        dedupe="6:a",
        counts=True,
        thread=(1, "2026_01", 2, 3),
        sealed=b"sealed",
        log=log,  # type: ignore[arg-type] # only what is used of it
    )
    assert position == Position(0, 0)
    ((key, value),) = log.records
    envelope = decode_envelope(value)
    assert key == "c:1"
    assert envelope == Envelope(
        "test.happened", 3, 5, 6, 7, "6:a", True, (1, "2026_01", 2, 3), envelope.body, b"sealed"
    )
    assert msgspec.msgpack.decode(envelope.body, type=Happened) == Happened(what="x")


def test_an_event_that_no_log_takes_is_refused() -> None:
    with pytest.raises(EventTooLargeError):
        encode_event(event=Happened(what="x" * VALUE_MAX_BYTES), event_id=1, actor_id=None, workspace_id=None)
