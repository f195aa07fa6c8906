from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path


class Held:
    """A lock file held while in the context, across threads and processes; a holder that dies lets go."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._file = self._path.open("a")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
