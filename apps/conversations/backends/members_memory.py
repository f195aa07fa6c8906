"""Memberships of the one process: whoever changes one forgets it here before going on."""

from collections.abc import Collection, Mapping, Sequence

from apps.conversations import roster
from apps.conversations.ports import Pair
from apps.core.localcache import LocalCache
from apps.core.threads import read


class MemoryMembers:
    def __init__(self) -> None:
        self._cache: LocalCache[Pair, bool] = LocalCache(_fill)

    async def contains(self, pairs: Collection[Pair]) -> Mapping[Pair, bool]:
        return await self._cache.get(pairs)

    def changed(
        self,
        channel_id: int,
        *,
        version: int,  # noqa: ARG002 - for caches that are shared
        added: Sequence[int] = (),
        removed: Sequence[int] = (),
    ) -> None:
        self._cache.forget((channel_id, user_id) for user_id in (*added, *removed))


async def _fill(pairs: Sequence[Pair]) -> Mapping[Pair, bool]:
    return await read(lambda: roster.contains(pairs))
