"""Marker moves are written behind: coalesced, bounded, kept while the database is away."""

import asyncio
from collections.abc import Sequence

from django.db import OperationalError

from apps.reads.buffer import MarkerBuffer
from apps.reads.moves import Move, Moved


class Database:
    def __init__(self) -> None:
        self.up = True
        self.written: list[list[Move]] = []
        self.told: list[Moved] = []

    def write(self, moves: Sequence[Move]) -> list[Moved]:
        if not self.up:
            raise OperationalError("away")
        self.written.append(list(moves))
        return [Moved(*move) for move in moves]

    async def tell(self, moved: Sequence[Moved]) -> None:
        self.told += moved


def buffer(database: Database, *, max_markers: int = 100, flush_s: float = 60.0) -> MarkerBuffer:
    return MarkerBuffer(max_markers=max_markers, flush_s=flush_s, tell=database.tell, write=database.write)


async def test_many_moves_of_a_marker_are_one_write() -> None:
    database = Database()
    moves = buffer(database)
    for n in (1, 5, 3):
        for user in (1, 2):
            moves.put(Move(user, 9, 9, n))
    await moves.close()
    assert database.written == [[Move(1, 9, 9, 5), Move(2, 9, 9, 5)]]
    assert [(marker.user_id, marker.n) for marker in database.told] == [(1, 5), (2, 5)]


async def test_a_higher_version_wins_over_a_greater_n() -> None:
    database = Database()
    moves = buffer(database)
    moves.put(Move(1, 9, 9, 7, version=0))
    moves.put(Move(1, 9, 9, 2, version=1))
    moves.put(Move(1, 9, 9, 8, version=0))
    await moves.close()
    assert database.written == [[Move(1, 9, 9, 2, version=1)]]


async def test_while_the_database_is_away_moves_wait_and_coalesce() -> None:
    database = Database()
    moves = buffer(database)
    database.up = False
    moves.put(Move(1, 9, 9, 1))
    assert not await moves.flush()
    moves.put(Move(1, 9, 9, 2))
    database.up = True
    assert await moves.flush()
    assert database.written == [[Move(1, 9, 9, 2)]]
    await moves.close()


async def test_what_waits_is_bounded_and_known_markers_still_move() -> None:
    database = Database()
    moves = buffer(database, max_markers=2)
    assert moves.put(Move(1, 9, 9, 1))
    assert moves.put(Move(2, 9, 9, 1))
    assert not moves.put(Move(3, 9, 9, 1))
    assert moves.put(Move(1, 9, 9, 4))
    await moves.close()
    assert database.written == [[Move(1, 9, 9, 4), Move(2, 9, 9, 1)]]


async def test_it_flushes_by_itself() -> None:
    database = Database()
    told = asyncio.Event()

    async def tell(moved: Sequence[Moved]) -> None:
        told.set()

    moves = MarkerBuffer(max_markers=9, flush_s=0.01, tell=tell, write=database.write)
    moves.put(Move(1, 9, 9, 1))
    async with asyncio.timeout(5):
        await told.wait()
    assert len(moves) == 0
    await moves.close()
