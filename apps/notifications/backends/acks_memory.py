"""Acknowledgements in this process: the embedded profile's."""

import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping

MAX = 200_000


class MemoryAcks:
    def __init__(self, *, limit: int = MAX) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._seqs: OrderedDict[tuple[int, str], int] = OrderedDict()

    async def record(self, user_id: int, streams: Mapping[str, int]) -> None:
        with self._lock:
            for stream, seq in streams.items():
                key = (user_id, stream)
                self._seqs[key] = max(seq, self._seqs.get(key, 0))
                self._seqs.move_to_end(key)
            while len(self._seqs) > self._limit:
                self._seqs.popitem(last=False)

    def acked(self, user_id: int, stream: str) -> int:
        with self._lock:
            return self._seqs.get((user_id, stream), 0)

    def acked_many(self, user_ids: Collection[int], stream: str) -> dict[int, int]:
        with self._lock:
            found = {user_id: self._seqs.get((user_id, stream), 0) for user_id in user_ids}
        return {user_id: seq for user_id, seq in found.items() if seq}
