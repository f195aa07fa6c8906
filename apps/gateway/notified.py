"""Where this gateway hands over what was acknowledged, and what was not: to the notifications."""

from collections.abc import Mapping

from apps.notifications import actions, registry


class Notifications:
    async def record(self, user_id: int, streams: Mapping[str, int]) -> None:
        await registry.acks().record(user_id, streams)

    async def report(self, user_id: int, stream: str, seq: int) -> None:
        await actions.report_unacknowledged(user_id=user_id, stream=stream, seq=seq)
