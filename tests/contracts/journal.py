"""A small sequencer for tests of the store: it writes a channel's history the way the real one would."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from apps.conversations.events import MemberJoined
from apps.core import ids
from apps.eventlog.events import Envelope, Event, Position, Sequenced, encode
from apps.messaging.events import (
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageUnpinned,
    ReactionAdded,
    ReactionRemoved,
    Target,
)
from apps.messaging.ports import Head

START_MS = 1_760_000_000_000  # 2025-10-09


@dataclass
class Journal:
    """One channel. Each verb returns the event; `taken()` the events since the last call, for one batch."""

    channel_id: int = field(default_factory=ids.new_id)
    bucket_rows: int = 100_000
    now: int = START_MS
    seq: int = 0
    count: int = 0
    rows: int = 0
    offset: int = 0
    bucket: str = ""
    pending: list[Sequenced] = field(default_factory=list)
    threads: dict[int, int] = field(default_factory=dict)

    @property
    def stream(self) -> str:
        return f"c:{self.channel_id}"

    def post(
        self,
        text: str = "hello",
        *,
        sender: int = 7,
        reply_to: Sequenced | None = None,
        also: bool = False,
        dedupe: str | None = None,
        wait_ms: int = 10,
    ) -> Sequenced:
        message_id = ids.new_id()
        thread, thread_n = None, 0
        if reply_to is not None:
            thread = place(reply_to)
            thread_n = self.threads[thread[0]] = self.threads.get(thread[0], 0) + 1
        body = MessagePosted(
            channel_id=str(self.channel_id),
            message_id=str(message_id),
            sender_id=str(sender),
            client_msg_id=None if dedupe is None else dedupe.partition(":")[2],
            thread_id=None if thread is None else str(thread[0]),
            also_in_channel=also,
        )
        return self._append(
            body,
            event_id=message_id,
            actor=sender,
            sealed=text.encode(),
            dedupe=dedupe,
            counts=thread is None,
            thread=thread,
            thread_n=thread_n,
            lands=thread is None or also,
            wait_ms=wait_ms,
        )

    def edit(self, post: Sequenced, text: str) -> Sequenced:
        return self._append(MessageEdited(target=target(post)), sealed=text.encode())

    def delete(self, post: Sequenced) -> Sequenced:
        return self._append(MessageDeleted(target=target(post)))

    def react(self, post: Sequenced, emoji: str, user: int, *, on: bool = True) -> Sequenced:
        kind = ReactionAdded if on else ReactionRemoved
        return self._append(kind(target=target(post), emoji=emoji, user_id=str(user)), actor=user)

    def pin(self, post: Sequenced, user: int = 7, *, on: bool = True) -> Sequenced:
        kind = MessagePinned if on else MessageUnpinned
        return self._append(kind(target=target(post)), actor=user)

    def join(self, user: int) -> Sequenced:
        return self._append(MemberJoined(channel_id=str(self.channel_id), user_id=str(user), by=None), actor=user)

    def _append(
        self,
        body: Event,
        *,
        event_id: int | None = None,
        actor: int = 7,
        sealed: bytes | None = None,
        dedupe: str | None = None,
        counts: bool = False,
        thread: tuple[int, str, int, int] | None = None,
        thread_n: int = 0,
        lands: bool = False,
        wait_ms: int = 10,
    ) -> Sequenced:
        self.now += wait_ms
        month = f"{datetime.fromtimestamp(self.now / 1000, UTC):%Y_%m}"
        if not self.bucket.startswith(month):
            self.bucket, self.rows = month, 0
        elif lands and self.rows >= self.bucket_rows:
            part = int(self.bucket.partition(".")[2] or 0) + 1
            self.bucket, self.rows = f"{month}.{part}", 0
        self.rows += lands
        self.seq += 1
        self.count += counts
        event = Sequenced(
            stream=self.stream,
            seq=self.seq,
            count=self.count,
            thread_n=thread_n,
            created_at=self.now,
            bucket=self.bucket,
            position=Position(3, self.offset),
            envelope=Envelope(
                type=body.type,
                version=1,
                event_id=event_id or ids.new_id(),
                actor_id=actor,
                workspace_id=5,
                dedupe=dedupe,
                counts=counts,
                thread=thread,
                body=encode(body),
                sealed=sealed,
            ),
        )
        self.offset += 1
        self.pending.append(event)
        return event

    def head(self) -> Head:
        return Head(self.seq, self.count, self.now, Position(3, self.offset - 1), self.bucket, self.rows)

    def taken(self) -> tuple[list[Sequenced], dict[str, Head]]:
        events, self.pending = self.pending, []
        return events, {self.stream: self.head()}


def place(post: Sequenced) -> tuple[int, str, int, int]:
    return (post.envelope.event_id, post.bucket, post.created_at, post.seq)


def target(post: Sequenced) -> Target:
    message_id, bucket, created_at, seq = place(post)
    return Target(
        channel_id=post.stream[2:],
        message_id=str(message_id),
        bucket=bucket,
        created_at=created_at,
        seq=seq,
        thread_id=None if post.envelope.thread is None else str(post.envelope.thread[0]),
        parent=post.envelope.thread,
        also_in_channel=post.envelope.thread is not None and _also(post),
    )


def _also(post: Sequenced) -> bool:
    return bool(msgspec.msgpack.decode(post.envelope.body)["also_in_channel"])


def split(events: Sequence[Sequenced], cuts: Iterable[int]) -> list[list[Sequenced]]:
    """`events` in consecutive pieces that end at `cuts`."""
    edges = sorted({0, len(events), *(cut for cut in cuts if 0 <= cut <= len(events))})
    return [list(events[a:b]) for a, b in itertools.pairwise(edges)]
