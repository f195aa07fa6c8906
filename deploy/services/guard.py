"""Outlives the owner of an ephemeral instance just long enough to destroy it."""

from __future__ import annotations

import sys
from pathlib import Path

from .instance import Services
from .process import ProcessId

_LOOK_EVERY_SECONDS = 5.0


def main(root: Path) -> None:
    owner = ProcessId.load(root / "owner.json")
    while owner and root.exists():
        if owner.wait_exit(_LOOK_EVERY_SECONDS):
            Services(root).destroy()
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
