"""Facts of the one process: whoever changes one forgets it here before going on."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from apps.core.localcache import LocalCache
from apps.core.ports import Load
from apps.core.threads import read

_Key = tuple[Load, str]


class MemoryFacts:
    def __init__(self) -> None:
        self._loads: set[Load] = set()
        self._cache: LocalCache[_Key, str] = LocalCache(_load)

    async def get(self, keys: Collection[str], load: Load) -> Mapping[str, str]:
        self._loads.add(load)
        found = await self._cache.get([(load, key) for key in keys])
        return {key: value for (_, key), value in found.items()}

    def changed(self, *keys: str) -> None:
        self._cache.forget([(load, key) for load in list(self._loads) for key in keys])


async def _load(keys: Sequence[_Key]) -> Mapping[_Key, str]:
    found: dict[_Key, str] = {}
    for load in {load for load, _ in keys}:
        wanted = [key for each, key in keys if each is load]
        values = await read(partial(load, wanted))
        found.update({(load, key): value for key, value in values.items()})
    return found
