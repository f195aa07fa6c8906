"""The one way in which this room's actions append, and how they wait for what they appended."""

from dataclasses import dataclass

from django.conf import settings

from apps.core import ids
from apps.core import registry as core
from apps.core.errors import RateLimitedError, TooLargeError, UnavailableError
from apps.eventlog.append import EventTooLargeError, append_event
from apps.eventlog.events import Event, Position
from apps.eventlog.ports import LogUnavailableError
from apps.messaging.sequenced import Outcome, awaiting


@dataclass(frozen=True)
class Appended:
    """`outcome` is None when nobody waited, or the deadline passed first."""

    event_id: int
    position: Position
    outcome: Outcome | None


async def take_turn(user_id: int) -> None:
    """One of the user's MESSAGE_RATE_PER_S changes a second. Raises RateLimitedError."""
    rate: int = settings.MESSAGE_RATE_PER_S
    wait_s = await core.rate_limiter().take(f"post:{user_id}", rate_per_s=rate, burst=rate)
    if wait_s > 0:
        raise RateLimitedError(f"At most {rate} a second.", retry_after=wait_s)


def new_id() -> int:
    """Raises UnavailableError while this process may not mint."""
    try:
        return ids.new_id()
    except (ids.LeaseExpiredError, ids.ClockMovedBackwardsError) as error:
        raise UnavailableError(retry_after=1) from error


async def append(
    *,
    stream: str,
    event: Event,
    event_id: int,
    actor_id: int,
    workspace_id: int,
    dedupe: str | None = None,
    counts: bool = False,
    thread: tuple[int, str, int, int] | None = None,
    sealed: bytes | None = None,
    wait: bool = False,
) -> Appended:
    """Durable on return. Raises UnavailableError when that is not known: repeat it under the same `dedupe`."""

    async def now() -> Position:
        try:
            return await append_event(
                stream=stream,
                event=event,
                event_id=event_id,
                actor_id=actor_id,
                workspace_id=workspace_id,
                dedupe=dedupe,
                counts=counts,
                thread=thread,
                sealed=sealed,
            )
        except LogUnavailableError as error:
            raise UnavailableError("Messages can't be taken now; try again in a moment.", retry_after=1) from error
        except EventTooLargeError as error:
            raise TooLargeError("This message takes too much room.") from error

    if not wait:
        return Appended(event_id, await now(), None)
    async with awaiting(stream, event_id) as waiting:
        position = await now()
        return Appended(event_id, position, await waiting.outcome(position, settings.SEQUENCED_DEADLINE_S, dedupe))
