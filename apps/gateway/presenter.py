"""The presenter of this process: what apps.messaging shows of an event."""

from collections.abc import Sequence

from apps.eventlog.events import Sequenced
from apps.messaging import queries


class MessagingPresenter:
    async def warm(self, events: Sequence[Sequenced]) -> None:
        await queries.warm_keys(events)

    def warmed(self, events: Sequence[Sequenced]) -> bool:
        return queries.keys_warmed(events)

    def present(self, event: Sequenced) -> bytes:
        return queries.present_event_bytes(event)
