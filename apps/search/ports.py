"""The index: what can be asked about messages, and where the answers lie. It holds texts in the clear."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

Sort = Literal["newest", "best"]
CANDIDATES = 2_000  # of the newest matches, the best ones are chosen


class IndexUnavailableError(Exception):
    """The index did not answer in time. What was being written may or may not be; repeating it is safe."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is after a post or an edit. `stamp` is the age of that event: its place in the log."""

    stamp: int
    message_id: int
    workspace_id: int
    channel_id: int
    sender_id: int
    created_at: int
    thread_id: int | None
    text: str
    has_link: bool = False
    has_file: bool = False


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    stamp: int
    message_id: int


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    message_id: int
    emoji: str
    user_id: int
    on: bool


Change = Document | Removal | Reaction


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Everything must hold at once. `words` and `without` are folded texts: words, parts of words, phrases.

    channels     the only channels that count: what the searcher may see, or those asked for among them
    since, until  ms, since <= created_at < until
    in_thread    replies, and messages that have replies
    """

    workspace_id: int
    channels: Sequence[int]
    words: Sequence[str] = ()
    without: Sequence[str] = ()
    senders: Sequence[int] = ()
    not_senders: Sequence[int] = ()
    since: int | None = None
    until: int | None = None
    has_link: bool = False
    has_file: bool = False
    has_reaction: bool = False
    in_thread: bool = False


class Index(Protocol):
    """Synchronous and safe from any thread. Everything raises IndexUnavailableError."""

    def setup(self) -> None:
        """Create what is missing. Idempotent."""
        ...

    def drop(self) -> None:
        """Remove all of it."""
        ...

    def apply(self, changes: Sequence[Change], progress: Mapping[int, int] | None = None) -> None:
        """In this order, all or nothing. A document or removal older than what the index has changes nothing.

        `progress`: partition of the log -> up to what time (ms) the index knows it.
        """
        ...

    def known_until(self) -> int | None:
        """The time (ms) up to which the index knows every partition; None when it never read any."""
        ...

    def find(
        self, question: Question, *, sort: Sort, below: int | None = None, skip: int = 0, limit: int
    ) -> Sequence[int]:
        """Message ids below `below` (exclusive), newest first, or the best of the newest CANDIDATES, best first."""
        ...

    def forget_workspace(self, workspace_id: int) -> int:
        """Remove all of a workspace; returns how many messages that were."""
        ...

    def close(self) -> None: ...
