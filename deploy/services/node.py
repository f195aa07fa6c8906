from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from signal import Signals
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .process import Launch


class UnavailableError(Exception):
    """What a server lacks on this machine, as a sentence for whoever has to put it there."""


@dataclass(frozen=True, slots=True)
class Node:
    """One member of one server's cluster; what a cluster of three differs in from a single node is all here."""

    service: str
    index: int
    directory: Path
    host: str
    port: int
    peer_port: int

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def record(self) -> Path:
        return self.directory / "process.json"


class Server(Protocol):
    """How to run one kind of server. Settings are rendered at every start, data is initialised once."""

    stop_signal: Signals
    stop_seconds: float

    def launch(self, node: Node, cluster: Sequence[Node]) -> Launch: ...

    def probe(self, node: Node) -> None:
        """Raise NotReadyError, or OSError, unless a client would be served now."""

    def url(self, node: Node) -> tuple[str, str]: ...


def executable(name: str, package: str) -> str:
    # Debian keeps daemons in sbin, which isn't on everybody's PATH.
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    found = shutil.which(name, path=path)
    if found is None:
        raise UnavailableError(f"no {name} on PATH: `python3 -m deploy.services ensure`, or install {package}")
    return found
