"""How far the work on a partition has come, and so what may be committed and from where to begin again.

committed   everything below is stored, published, and its follow-ups are handed over
stored      everything below is stored and published
rewind      where to read from so that everything stored in the last REWIND_S is stored again: a database may forget
            its last acknowledged moments when it crashes
"""

from collections import deque

REWIND_S = 15.0
# Rounds closer than this share a mark.
_MARK_S = 0.25


class Partition:
    """One partition while it is ours. A new one is made when it comes back, so what was begun before counts no more."""

    def __init__(self, number: int, committed: int) -> None:
        self.number = number
        self.kept = committed
        self.stored = committed
        self.published_before = committed
        self.followups: deque[int] = deque()
        self.probing = False
        self._marks: deque[tuple[float, int]] = deque()

    def begin_at(self, offset: int, now: float) -> None:
        """Reading goes on at `offset`, which lies far enough back."""
        self._marks.clear()
        self._marks.append((now, offset))

    @property
    def committed(self) -> int:
        """What a commit may say now."""
        return min(self.stored, self.followups[0]) if self.followups else self.stored

    def note_stored(self, first: int, end: int, now: float) -> None:
        """The records from `first` to before `end` are stored and published, at `now` (monotonic seconds)."""
        self.stored = max(self.stored, end)
        while self._marks and self._marks[0][0] < now - REWIND_S:
            self._marks.popleft()
        if not self._marks or now - self._marks[-1][0] > _MARK_S:
            self._marks.append((now, first))

    def begin_again(self, now: float) -> int:
        """Forget what is not committed; returns the offset to read from."""
        committed = self.committed
        start = min([committed, *(first for _, first in self._marks)])
        self.stored = self.published_before = committed
        self.followups.clear()
        self.begin_at(start, now)
        return start
