"""Moves of markers as values, and the statements that write many of them at once."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection, transaction

ROWS = 500  # of one statement


class Move(NamedTuple):
    user_id: int
    scope_id: int
    channel_id: int
    n: int
    version: int = 0

    @property
    def is_thread(self) -> bool:
        return self.scope_id != self.channel_id


class Moved(NamedTuple):
    """Where a marker is now."""

    user_id: int
    scope_id: int
    channel_id: int
    n: int
    version: int


_ROW = "(%s, %s, %s, %s, %s, 0, '')"
_INSERT = "INSERT INTO reads_marker (user_id, scope_id, channel_id, n, version, stepped_at, own) VALUES "
_CONFLICT = " ON CONFLICT (user_id, scope_id) DO "
_RETURN = " RETURNING user_id, scope_id, channel_id, n, version"
# Forward only, and not by who has not heard yet that the reader stepped back.
FORWARD = "UPDATE SET n = excluded.n WHERE reads_marker.version = excluded.version AND reads_marker.n < excluded.n"
# The log says that the reader was here: it moves every marker, unless they stepped back later than that.
WAS_HERE = (
    "UPDATE SET n = excluded.n, own = '' WHERE reads_marker.n < excluded.n AND reads_marker.stepped_at < excluded.n"
)


def write(moves: Sequence[Move], rule: str = FORWARD) -> list[Moved]:
    """The markers that moved. At most one move of a marker. Blocks; one statement per ROWS moves."""
    moved: list[Moved] = []
    with transaction.atomic(), connection.cursor() as cursor:
        # in one order, so that two writers never wait for each other
        ordered = sorted(moves)
        for start in range(0, len(ordered), ROWS):
            some = ordered[start : start + ROWS]
            statement = _INSERT + ", ".join([_ROW] * len(some)) + _CONFLICT + rule + _RETURN
            cursor.execute(statement, [value for move in some for value in move])
            moved += [Moved(*row) for row in cursor.fetchall()]
    return moved
