"""The index in PostgreSQL: a tsvector of words, and pg_trgm for parts of words.

The words are cut by us and not by PostgreSQL's parser, so that both backends find the same in every script and no
locale of the database matters.
"""

import contextlib
import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from django.conf import settings
from psycopg_pool import ConnectionPool, PoolTimeout

from apps.search import folding
from apps.search.ports import (
    CANDIDATES,
    Change,
    Document,
    IndexUnavailableError,
    Question,
    Reaction,
    Removal,
    Sort,
)

GRAM = 3
_LAST_POSITION = 16_383
_LEXEMES_MAX = 20_000
_LOCK = 7_203_518  # of `setup`, which several processes begin at once
_SCHEMA = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE IF NOT EXISTS search_documents (
    message_id bigint PRIMARY KEY, stamp bigint NOT NULL, workspace_id bigint, channel_id bigint, sender_id bigint,
    created_at bigint, thread_id bigint, has_link boolean, has_file boolean, folded text, words tsvector
);
CREATE INDEX IF NOT EXISTS search_documents_of_workspace ON search_documents (workspace_id, message_id DESC);
CREATE INDEX IF NOT EXISTS search_documents_of_channel ON search_documents (channel_id, message_id DESC);
CREATE INDEX IF NOT EXISTS search_documents_of_sender ON search_documents (sender_id, message_id DESC);
CREATE INDEX IF NOT EXISTS search_documents_of_thread ON search_documents (thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS search_documents_words ON search_documents USING gin (words);
CREATE INDEX IF NOT EXISTS search_documents_parts ON search_documents USING gin (folded gin_trgm_ops);
CREATE TABLE IF NOT EXISTS search_reactions (
    message_id bigint NOT NULL, emoji text NOT NULL, user_id bigint NOT NULL, PRIMARY KEY (message_id, emoji, user_id)
);
CREATE TABLE IF NOT EXISTS search_progress (log_partition integer PRIMARY KEY, until bigint NOT NULL);
"""
_DROP = "DROP TABLE IF EXISTS search_documents, search_reactions, search_progress"
_FIELDS = "workspace_id, channel_id, sender_id, created_at, thread_id, has_link, has_file, folded, words"
_DOCUMENT = f"""
INSERT INTO search_documents (message_id, stamp, {_FIELDS})
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::tsvector)
ON CONFLICT (message_id) DO UPDATE SET
    (stamp, {_FIELDS}) = ROW (excluded.stamp, {", ".join(f"excluded.{name}" for name in _FIELDS.split(", "))})
WHERE search_documents.stamp <= excluded.stamp
"""
# The stamp stays, so that an older post or edit that comes again finds that it is late.
_REMOVE = f"""
INSERT INTO search_documents (message_id, stamp) VALUES (%s, %s)
ON CONFLICT (message_id) DO UPDATE SET
    (stamp, {_FIELDS}) = ROW (excluded.stamp, {", ".join(f"excluded.{name}" for name in _FIELDS.split(", "))})
WHERE search_documents.stamp <= excluded.stamp
"""
_PROGRESS = """
INSERT INTO search_progress (log_partition, until) VALUES (%s, %s)
ON CONFLICT (log_partition) DO UPDATE SET until = greatest(search_progress.until, excluded.until)
"""


class PostgresIndex:
    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._pool: ConnectionPool[psycopg.Connection[tuple[Any, ...]]] | None = None

    def setup(self) -> None:
        with self._transaction() as connection:
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            connection.execute(_SCHEMA)

    def drop(self) -> None:
        with self._transaction() as connection:
            connection.execute(_DROP)

    def close(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def apply(self, changes: Sequence[Change], progress: Mapping[int, int] | None = None) -> None:
        with self._transaction() as connection:
            for written, some in itertools.groupby(changes, key=lambda change: isinstance(change, Document)):
                if written:
                    rows = [_row(change) for change in some if isinstance(change, Document)]
                    with connection.cursor() as cursor:
                        cursor.executemany(_DOCUMENT, rows)  # in one pipeline
                    continue
                for change in some:
                    _change(connection, change)
            for partition, until in (progress or {}).items():
                connection.execute(_PROGRESS, (partition, until))

    def known_until(self) -> int | None:
        with self._transaction() as connection:
            row = connection.execute("SELECT min(until) FROM search_progress").fetchone()
        return None if row is None else row[0]

    def forget_workspace(self, workspace_id: int) -> int:
        with self._transaction() as connection:
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute(
                "DELETE FROM search_reactions r USING search_documents d"
                " WHERE d.message_id = r.message_id AND d.workspace_id = %s",
                (workspace_id,),
            )
            return connection.execute("DELETE FROM search_documents WHERE workspace_id = %s", (workspace_id,)).rowcount

    def find(
        self, question: Question, *, sort: Sort, below: int | None = None, skip: int = 0, limit: int
    ) -> Sequence[int]:
        conditions, values = _where(question, below)
        statement = (
            f"SELECT d.message_id FROM search_documents d WHERE {' AND '.join(conditions)}"
            " ORDER BY d.message_id DESC LIMIT %s OFFSET %s"
        )
        if sort == "newest":
            bound = [*values, limit, skip]
        else:
            score, scored = _score(question)
            statement = (
                f"SELECT d.message_id FROM search_documents d JOIN ({statement}) c USING (message_id)"
                f" ORDER BY {score} DESC, d.message_id DESC LIMIT %s OFFSET %s"
            )
            bound = [*values, CANDIDATES, 0, *scored, limit, skip]
        with self._transaction() as connection:
            return [row[0] for row in connection.execute(statement.encode(), bound)]

    @contextlib.contextmanager
    def _transaction(self) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
        deadline = settings.SEARCH_DEADLINE_S
        try:
            with self._connections().connection(timeout=deadline) as connection:
                yield connection
        except (psycopg.Error, PoolTimeout) as error:
            raise IndexUnavailableError(str(error)) from error

    def _connections(self) -> "ConnectionPool[psycopg.Connection[tuple[Any, ...]]]":
        with self._lock:
            if self._pool is None:
                milliseconds = int(settings.SEARCH_DEADLINE_S * 1000)
                self._pool = ConnectionPool(
                    self._url,
                    min_size=0,
                    max_size=8,
                    timeout=settings.SEARCH_DEADLINE_S,
                    check=ConnectionPool.check_connection,
                    kwargs={
                        "connect_timeout": max(2, int(settings.SEARCH_DEADLINE_S)),
                        "options": f"-c statement_timeout={milliseconds}",
                    },
                    open=True,
                )
            return self._pool


def _change(connection: "psycopg.Connection[tuple[Any, ...]]", change: Change) -> None:
    if isinstance(change, Removal):
        connection.execute(_REMOVE, (change.message_id, change.stamp))
        connection.execute(
            "DELETE FROM search_reactions r USING search_documents d"
            " WHERE r.message_id = %s AND d.message_id = r.message_id AND d.folded IS NULL",
            (change.message_id,),
        )
    elif isinstance(change, Reaction):
        connection.execute(
            "INSERT INTO search_reactions VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
            if change.on
            else "DELETE FROM search_reactions WHERE message_id = %s AND emoji = %s AND user_id = %s",
            (change.message_id, change.emoji, change.user_id),
        )


def _row(document: Document) -> tuple[Any, ...]:
    folded = folding.fold(document.text)
    return (
        document.message_id,
        document.stamp,
        document.workspace_id,
        document.channel_id,
        document.sender_id,
        document.created_at,
        document.thread_id,
        document.has_link,
        document.has_file,
        folded,
        _tsvector(folded),
    )


def _tsvector(folded: str) -> str:
    """In PostgreSQL's own notation: words of letters and digits need no escapes."""
    found = folding.words(folded)[:_LEXEMES_MAX]
    return " ".join(f"'{word}':{min(place, _LAST_POSITION)}" for place, word in enumerate(found, 1))


def _beginning(run: folding.Run) -> str:
    if run.unspaced and len(run.text) > 1:
        return " <-> ".join(f"'{pair}'" for pair in folding.pairs(run.text))
    return f"'{run.text[: folding.WORD_MAX]}':*"


def _whole(run: folding.Run) -> str:
    if run.unspaced and len(run.text) > 1:
        return _beginning(run)
    return f"'{run.text}'"


def _like(text: str) -> str:
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _tests(text: str) -> tuple[list[str], list[Any]]:
    """What holds for a text with `text` in it. The words narrow down what LIKE could not, in a script it can't cut."""
    conditions: list[str] = []
    values: list[Any] = []
    for run in folding.runs(text):
        if run.unspaced or len(text) < GRAM:
            conditions.append("d.words @@ %s::tsquery")
            values.append(_beginning(run))
    if len(text) >= GRAM or not conditions:
        conditions.append("d.folded LIKE %s")
        values.append(_like(text))
    return conditions, values


def _where(question: Question, below: int | None) -> tuple[list[str], list[Any]]:
    conditions: list[str] = ["d.folded IS NOT NULL", "d.workspace_id = %s", "d.channel_id = ANY(%s)"]
    values: list[Any] = [question.workspace_id, list(question.channels)]
    for text in question.words:
        tests, bound = _tests(text)
        conditions += tests
        values += bound
    for text in question.without:
        tests, bound = _tests(text)
        conditions.append(f"NOT ({' AND '.join(tests)})")
        values += bound
    for test, value in (
        ("d.sender_id = ANY(%s)", list(question.senders) or None),
        ("d.sender_id <> ALL(%s)", list(question.not_senders) or None),
        ("d.message_id < %s", below),
        ("d.created_at >= %s", question.since),
        ("d.created_at < %s", question.until),
    ):
        if value is not None:
            conditions.append(test)
            values.append(value)
    for wanted, condition in (
        (question.has_link, "d.has_link"),
        (question.has_file, "d.has_file"),
        (question.has_reaction, "EXISTS (SELECT 1 FROM search_reactions r WHERE r.message_id = d.message_id)"),
        (
            question.in_thread,
            "(d.thread_id IS NOT NULL OR EXISTS (SELECT 1 FROM search_documents t WHERE t.thread_id = d.message_id))",
        ),
    ):
        if wanted:
            conditions.append(condition)
    return conditions, values


def _score(question: Question) -> tuple[str, list[Any]]:
    """As in SQLite: whole words, then beginnings of words, then short texts."""
    parts = ["100.0 / (100 + length(d.folded))"]
    values: list[Any] = []
    for text in question.words:
        for run in folding.runs(text):
            parts += ["2 * (d.words @@ %s::tsquery)::int", "(d.words @@ %s::tsquery)::int"]
            values += [_whole(run), _beginning(run)]
    return " + ".join(parts), values
