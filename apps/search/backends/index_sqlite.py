"""The index in one SQLite file, with FTS5: the embedded profile.

`grams` finds any three characters in a row or more, `words` finds beginnings of words and pairs of characters of
scripts without spaces. Both keep no text of their own; `documents.folded` is what they were made of.
"""

import contextlib
import itertools
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

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
_TICK = 10_000  # virtual machine steps between looks at the clock
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    message_id INTEGER PRIMARY KEY, stamp INTEGER NOT NULL, workspace_id INTEGER, channel_id INTEGER,
    sender_id INTEGER, created_at INTEGER, thread_id INTEGER, has_link INTEGER, has_file INTEGER, folded TEXT
);
CREATE INDEX IF NOT EXISTS documents_of_channel ON documents (channel_id, message_id) WHERE folded IS NOT NULL;
CREATE INDEX IF NOT EXISTS documents_of_sender ON documents (sender_id, message_id) WHERE folded IS NOT NULL;
CREATE INDEX IF NOT EXISTS documents_of_workspace ON documents (workspace_id, message_id) WHERE folded IS NOT NULL;
CREATE INDEX IF NOT EXISTS documents_of_thread ON documents (thread_id) WHERE thread_id IS NOT NULL;
CREATE VIRTUAL TABLE IF NOT EXISTS grams USING fts5 (folded, content = '', tokenize = 'trigram case_sensitive 1');
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    body, content = '', tokenize = "unicode61 remove_diacritics 0 categories 'L* M* N* Co Cn So Sk Sc Sm'"
);
CREATE TABLE IF NOT EXISTS reactions (
    message_id INTEGER NOT NULL, emoji TEXT NOT NULL, user_id INTEGER NOT NULL,
    PRIMARY KEY (message_id, emoji, user_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS progress (log_partition INTEGER PRIMARY KEY, until INTEGER NOT NULL);
"""
_TABLES = ("documents", "grams", "words", "reactions", "progress")
_DOCUMENT = """
INSERT INTO documents (message_id, stamp, workspace_id, channel_id, sender_id, created_at, thread_id, has_link,
    has_file, folded) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (message_id) DO UPDATE SET stamp = excluded.stamp, workspace_id = excluded.workspace_id,
    channel_id = excluded.channel_id, sender_id = excluded.sender_id, created_at = excluded.created_at,
    thread_id = excluded.thread_id, has_link = excluded.has_link, has_file = excluded.has_file, folded = excluded.folded
"""
# The stamp stays, so that an older post or edit that comes again finds that it is late.
_REMOVE = """
INSERT INTO documents (message_id, stamp) VALUES (?, ?) ON CONFLICT (message_id) DO UPDATE SET stamp = excluded.stamp,
    workspace_id = NULL, channel_id = NULL, sender_id = NULL, created_at = NULL, thread_id = NULL, has_link = NULL,
    has_file = NULL, folded = NULL
"""
_PROGRESS = """
INSERT INTO progress (log_partition, until) VALUES (?, ?)
ON CONFLICT (log_partition) DO UPDATE SET until = max(until, excluded.until)
"""


_PLAIN = "instr(d.folded, ?) > 0"
_REACTED = "EXISTS (SELECT 1 FROM reactions r WHERE r.message_id = d.message_id)"
_THREADED = (
    "(d.thread_id IS NOT NULL OR EXISTS"
    " (SELECT 1 FROM documents t WHERE t.thread_id = d.message_id AND t.folded IS NOT NULL))"
)
Test = tuple[str, list[Any]]  # a condition and what is bound to its marks


class SqliteIndex:
    """One writer at a time; a connection for each thread."""

    def __init__(self, url: str) -> None:
        self._path = Path(urlsplit(url).path.removeprefix("/"))
        self._local = threading.local()
        self._writing = threading.Lock()
        self._connections: list[sqlite3.Connection] = []

    def setup(self) -> None:
        with self._connected() as connection:
            connection.executescript(_SCHEMA)

    def drop(self) -> None:
        with self._connected() as connection, self._writing:
            connection.executescript("".join(f"DROP TABLE IF EXISTS {table};" for table in _TABLES))

    def close(self) -> None:
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.close()
        self._local = threading.local()

    def apply(self, changes: Sequence[Change], progress: Mapping[int, int] | None = None) -> None:
        with self._transaction() as connection:
            for written, some in itertools.groupby(changes, key=lambda change: isinstance(change, Document)):
                if written:
                    _put(connection, [change for change in some if isinstance(change, Document)])
                    continue
                for change in some:
                    if isinstance(change, Removal):
                        _remove(connection, change)
                    elif isinstance(change, Reaction):
                        connection.execute(
                            "INSERT OR IGNORE INTO reactions VALUES (?, ?, ?)"
                            if change.on
                            else "DELETE FROM reactions WHERE message_id = ? AND emoji = ? AND user_id = ?",
                            (change.message_id, change.emoji, change.user_id),
                        )
            connection.executemany(_PROGRESS, list((progress or {}).items()))

    def known_until(self) -> int | None:
        with self._connected() as connection:
            found: int | None = connection.execute("SELECT min(until) FROM progress").fetchone()[0]
        return found

    def forget_workspace(self, workspace_id: int) -> int:
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT message_id, folded FROM documents WHERE workspace_id = ? AND folded IS NOT NULL",
                (workspace_id,),
            ).fetchall()
            for message_id, folded in rows:
                _unindex(connection, message_id, folded)
                connection.execute("DELETE FROM reactions WHERE message_id = ?", (message_id,))
            connection.execute("DELETE FROM documents WHERE workspace_id = ?", (workspace_id,))
            # Else the bytes of what was removed lie in the file until something is written over them.
            connection.execute("INSERT INTO grams (grams) VALUES ('optimize')")
            connection.execute("INSERT INTO words (words) VALUES ('optimize')")
        return len(rows)

    def find(
        self, question: Question, *, sort: Sort, below: int | None = None, skip: int = 0, limit: int
    ) -> Sequence[int]:
        source, conditions, values = _where(question, below)
        order = "ORDER BY d.message_id DESC" if source == "documents d" else "ORDER BY f.rowid DESC"
        statement = f"SELECT d.message_id FROM {source} WHERE {' AND '.join(conditions)} {order} LIMIT ? OFFSET ?"
        with self._connected() as connection, _deadline(connection, settings.SEARCH_DEADLINE_S):
            if sort == "newest":
                return [row[0] for row in connection.execute(statement, [*values, limit, skip])]
            texts = statement.replace("SELECT d.message_id", "SELECT d.message_id, d.folded", 1)
            found = connection.execute(texts, [*values, CANDIDATES, 0]).fetchall()
        # Here and not in SQL: asking the full-text tables about each row costs a walk through all matches.
        found.sort(key=lambda row: (-_score(row[1], question.words), -row[0]))
        return [row[0] for row in found[skip : skip + limit]]

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = sqlite3.connect(
                    self._path, timeout=settings.SEARCH_DEADLINE_S, isolation_level=None, check_same_thread=False
                )
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes, the log gives back
                connection.execute("PRAGMA secure_delete = ON")
                self._local.connection = connection
                self._connections.append(connection)
            yield connection
        except sqlite3.Error as error:
            raise IndexUnavailableError(str(error)) from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing, self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


@contextlib.contextmanager
def _deadline(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, _TICK)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def _put(connection: sqlite3.Connection, documents: Sequence[Document]) -> None:
    """Many rows to a statement: each statement costs a process that serves chat as well its interpreter lock."""
    newest: dict[int, Document] = {}
    for document in documents:
        held = newest.get(document.message_id)
        if held is None or held.stamp <= document.stamp:
            newest[document.message_id] = document
    known = connection.execute(
        "SELECT d.message_id, d.stamp, d.folded FROM documents d JOIN json_each(?) j ON d.message_id = j.value",
        (json.dumps(list(newest)),),
    ).fetchall()
    for message_id, stamp, folded in known:
        if stamp > newest[message_id].stamp:
            del newest[message_id]
        elif folded is not None:
            _unindex(connection, message_id, folded)
    rows = [
        (
            document.message_id,
            document.stamp,
            document.workspace_id,
            document.channel_id,
            document.sender_id,
            document.created_at,
            document.thread_id,
            document.has_link,
            document.has_file,
            folding.fold(document.text),
        )
        for document in newest.values()
    ]
    connection.executemany(_DOCUMENT, rows)
    connection.executemany("INSERT INTO grams (rowid, folded) VALUES (?, ?)", [(row[0], row[-1]) for row in rows])
    connection.executemany("INSERT INTO words (rowid, body) VALUES (?, ?)", [(row[0], _words(row[-1])) for row in rows])


def _remove(connection: sqlite3.Connection, removal: Removal) -> None:
    if _clear(connection, removal.message_id, removal.stamp):
        connection.execute(_REMOVE, (removal.message_id, removal.stamp))
        connection.execute("DELETE FROM reactions WHERE message_id = ?", (removal.message_id,))


def _clear(connection: sqlite3.Connection, message_id: int, stamp: int) -> bool:
    """Take what the index has out of the full-text tables. False when it is newer than `stamp`."""
    known = connection.execute("SELECT stamp, folded FROM documents WHERE message_id = ?", (message_id,)).fetchone()
    if known is None:
        return True
    if known[0] > stamp:
        return False
    if known[1] is not None:
        _unindex(connection, message_id, known[1])
    return True


def _unindex(connection: sqlite3.Connection, message_id: int, folded: str) -> None:
    connection.execute("INSERT INTO grams (grams, rowid, folded) VALUES ('delete', ?, ?)", (message_id, folded))
    connection.execute("INSERT INTO words (words, rowid, body) VALUES ('delete', ?, ?)", (message_id, _words(folded)))


def _words(folded: str) -> str:
    return " ".join(folding.words(folded))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _beginning(run: folding.Run) -> str:
    """What finds in `words` a run of letters as the beginning of a word, or characters in a row."""
    if run.unspaced and len(run.text) > 1:
        return _quoted(" ".join(folding.pairs(run.text)))
    return _quoted(run.text[: folding.WORD_MAX]) + " *"


def _matches(text: str) -> list[tuple[str, str]]:
    """(table, what to match) that hold for a text with `text` in it; what they find may be more than that."""
    if len(text) >= GRAM:
        return [("grams", _quoted(text))]
    return [("words", _beginning(run)) for run in folding.runs(text)]


def _where(question: Question, below: int | None) -> tuple[str, list[str], list[Any]]:
    """The longest word leads, by descending id, so that a page takes no more than what it shows."""
    source, row = "documents d", "d.message_id"
    conditions: list[str] = ["d.folded IS NOT NULL", "d.workspace_id = ?"]
    values: list[Any] = [question.workspace_id]
    words = sorted(question.words, key=lambda text: -len(text))
    # One walk through each table, however many words: a look for each row would begin the walk anew.
    expressions: dict[str, list[str]] = {}
    for text in words:
        for table, expression in _matches(text):
            expressions.setdefault(table, []).append(f"({expression})")
    matches = [(table, " AND ".join(each)) for table, each in expressions.items()]
    if matches:
        table, expression = matches.pop(0)
        source, row = f"{table} f JOIN documents d ON d.message_id = f.rowid", "f.rowid"
        conditions.append(f"f.{table} MATCH ?")
        values.append(expression)
    tests = [_match_test(match) for match in matches]
    tests += [(_PLAIN, [text]) for text in words if not _matches(text)]
    tests += [_without(text) for text in question.without]
    tests += _filters(question)
    if below is not None:
        tests.append((f"{row} < ?", [below]))
    for condition, bound in tests:
        conditions.append(condition)
        values += bound
    return source, conditions, values


def _match_test(match: tuple[str, str]) -> Test:
    table, expression = match
    return f"EXISTS (SELECT 1 FROM {table} WHERE {table} MATCH ? AND rowid = d.message_id)", [expression]


def _without(text: str) -> Test:
    tests = [_match_test(match) for match in _matches(text)] or [(_PLAIN, [text])]
    return f"NOT ({' AND '.join(condition for condition, _ in tests)})", [
        value for _, bound in tests for value in bound
    ]


def _filters(question: Question) -> list[Test]:
    """Those that are asked for, and the channels always."""
    among = "d.{} {} (SELECT value FROM json_each(?))"
    tests: list[tuple[bool, str, list[Any]]] = [
        (True, among.format("channel_id", "IN"), [json.dumps(list(question.channels))]),
        (bool(question.senders), among.format("sender_id", "IN"), [json.dumps(list(question.senders))]),
        (bool(question.not_senders), among.format("sender_id", "NOT IN"), [json.dumps(list(question.not_senders))]),
        (question.since is not None, "d.created_at >= ?", [question.since]),
        (question.until is not None, "d.created_at < ?", [question.until]),
        (question.has_link, "d.has_link", []),
        (question.has_file, "d.has_file", []),
        (question.has_reaction, _REACTED, []),
        (question.in_thread, _THREADED, []),
    ]
    return [(condition, bound) for wanted, condition, bound in tests if wanted]


def _score(folded: str, words: Sequence[str]) -> float:
    """Whole words count most, then beginnings of words; a short text is more about them than a long one."""
    tokens = f" {_words(folded)} "
    score = 100.0 / (100 + len(folded))
    for text in words:
        for run in folding.runs(text):
            paired = run.unspaced and len(run.text) > 1
            wanted = " ".join(folding.pairs(run.text)) if paired else run.text
            whole = f" {wanted} " in tokens
            score += 2 * whole + (whole if paired else f" {wanted}" in tokens)
    return score
