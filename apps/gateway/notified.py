"""Where this gateway hands over what was acknowledged, and what was not."""

import logging
from collections.abc import Mapping

logger = logging.getLogger(__name__)


class Nobody:
    """No room takes it yet. Nothing is lost by that: the message is in history and counts as unread."""

    async def record(self, user_id: int, streams: Mapping[str, int]) -> None:
        logger.debug("user %d acknowledged %s", user_id, streams)

    async def report(self, user_id: int, stream: str, seq: int) -> None:
        logger.debug("user %d did not acknowledge %s %d", user_id, stream, seq)
