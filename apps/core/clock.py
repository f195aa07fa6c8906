"""The one place that reads the wall clock, so that tests can pass time in."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], int]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def now_ms() -> int:
    """Milliseconds since the Unix epoch, UTC."""
    return time.time_ns() // 1_000_000


def now() -> datetime:
    return datetime.now(tz=UTC)


def to_ms(moment: datetime) -> int:
    """The form that leaves in JSON: milliseconds since the Unix epoch."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """Raises OverflowError for what no datetime can hold."""
    return _EPOCH + milliseconds * _MILLISECOND
