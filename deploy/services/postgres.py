from __future__ import annotations

import os
import pwd
import re
import shutil
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING

from . import probe
from .node import Node, UnavailableError, executable
from .process import Launch, run

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "slackclone"
_DEBIAN = Path("/usr/lib/postgresql")
# CREATEDB, because a test run makes a database of its own; no superuser, because the product gets none either.
_BOOTSTRAP = f"CREATE ROLE {NAME} LOGIN CREATEDB;\nCREATE DATABASE {NAME} OWNER {NAME};\n"


class Postgres:
    # SIGTERM would wait for every client to leave of its own accord; SIGINT is the fast shutdown.
    stop_signal = Signals.SIGINT
    stop_seconds = 15.0

    def launch(self, node: Node, cluster: Sequence[Node]) -> Launch:
        del cluster
        binaries, user = find_binaries(), account()
        if user:
            _require_passage(node.directory, user)
            shutil.chown(node.directory, user, user)
        if not node.data.exists():
            _initialise(node, binaries, user)
        settings = node.directory / "postgresql.conf"
        settings.write_text(config(node))
        argv = [str(binaries / "postgres"), "-D", str(node.data), "-c", f"config_file={settings}"]
        return Launch(argv, node.directory, node.log, user)

    def probe(self, node: Node) -> None:
        probe.postgres(node.host, node.port, user=NAME, database=NAME)

    def url(self, node: Node) -> tuple[str, str]:
        return "DATABASE_URL", f"postgres://{NAME}@{node.host}:{node.port}/{NAME}"


def config(node: Node) -> str:
    # No Unix socket: its path may be no longer than 107 bytes, and a checkout's often is.
    return f"""\
listen_addresses = '{node.host}'
port = {node.port}
unix_socket_directories = ''
data_directory = '{node.data}'
hba_file = '{node.data}/pg_hba.conf'
ident_file = '{node.data}/pg_ident.conf'
max_connections = 200
shared_buffers = 64MB
max_wal_size = 256MB
log_line_prefix = '%m [%p] '
timezone = 'UTC'
"""


def account() -> str | None:
    """The user to run as: PostgreSQL refuses root, and nobody else may change to another."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise UnavailableError("PostgreSQL doesn't run as root, and there is no user postgres") from None


def find_binaries() -> Path:
    versions = [path for path in _DEBIAN.glob("*/bin") if (path / "postgres").exists()]
    if versions:
        return max(versions, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0))
    return Path(executable("postgres", "postgresql")).resolve().parent


def _initialise(node: Node, binaries: Path, user: str | None) -> None:
    fresh = node.directory / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    initdb = [str(binaries / "initdb"), "-D", str(fresh), "-U", "postgres", "--auth=trust"]
    initdb += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    single = [str(binaries / "postgres"), "--single", "-D", str(fresh), "postgres"]
    for argv, script in ((initdb, ""), (single, _BOOTSTRAP)):
        if not run(Launch(argv, node.directory, node.log, user), stdin=script.encode()):
            raise UnavailableError(f"{Path(argv[0]).name} failed")
    # Renamed once complete, so that an interrupted initialisation is repeated and never half used.
    fresh.rename(node.data)


def _require_passage(directory: Path, user: str) -> None:
    for parent in directory.resolve().parents:
        mode = parent.stat().st_mode & 0o777
        if not mode & 0o001:
            raise UnavailableError(f"user {user} may not pass through {parent} (mode {mode:o})")
