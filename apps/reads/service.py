"""The read service: a reader of the log that keeps what markers alone can't tell, off the way of a message.

    who posts              has read up to their own message
    who joins              has read what was posted before
    deleted messages       a bit each, so that they count for nothing
    mentions               a row for each person named, one row for a message that names all
    replies                how many a thread ever had
    reactions              to other people's messages, for the activity view

A record only says where to look: what is written is what the store shows once the sequencer has passed the record. So
everything may be done twice, and a service that was killed goes on where its offsets stand.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec
from django.db import DatabaseError, InterfaceError

from apps.conversations.events import MemberJoined
from apps.core import threads
from apps.core.errors import UnavailableError
from apps.eventlog.events import Envelope, Event, Sequenced, decode_envelope
from apps.eventlog.ports import Log, LogRecord, LogUnavailableError, Poll, Reader
from apps.messaging import queries as messaging
from apps.messaging.events import (
    EVENTS,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
)
from apps.messaging.ports import Location, Store, StoredMessage, StoreUnavailableError
from apps.messaging.sequenced import original_before
from apps.reads import metrics
from apps.reads.actions import follow_log
from apps.reads.actions.follow_log import Reaction, Seen, Standing
from apps.reads.moves import Move
from apps.reads.telling import tell
from apps.workspaces import queries as workspaces

_log = logging.getLogger(__name__)

GROUP = "reads"
AT_ONCE = 500
POLL_S = 0.5
GATHER_S = 0.3
_WAIT_S, _WAIT_MAX_S = 0.05, 0.8
_FIRST_RETRY_S = 0.2
_RETRY_MAX_S = 10.0
_STREAMS = 500
_LOOK_UPS = 16
_SLACK = 20  # events of kinds that do not concern us
# Streams of which it is known where the last batch ended, so that the next one is found with one read.
_ENDS_MAX = 20_000
_JOIN_BACK = 500

_decoders: dict[str, msgspec.msgpack.Decoder[Event]] = {
    name: msgspec.msgpack.Decoder(event) for name, event in {**EVENTS, MemberJoined.type: MemberJoined}.items()
}


class RegroupedError(Exception):
    """Partitions came or went while a batch was in hand: begin where the offsets stand."""


@dataclass(frozen=True, slots=True)
class Item:
    stream: str
    offset: int
    envelope: Envelope
    event: Event

    @property
    def channel_id(self) -> int:
        return int(self.stream[2:])


@dataclass
class Work:
    """What a batch asks for, coalesced."""

    posts: dict[tuple[int, int], int] = field(default_factory=dict)  # (author, scope) -> their newest message
    replies: dict[int, tuple[int, int]] = field(default_factory=dict)  # thread -> (newest reply, workspace)
    messages: dict[int, int] = field(default_factory=dict)  # message -> workspace
    reactions: dict[tuple[int, str, int], tuple[int, int]] = field(default_factory=dict)  # -> (workspace, at)
    joins: list[Item] = field(default_factory=list)


class ReadService:
    """One member of the group that shares the log's partitions. `run` it once.

    `reached`: by partition, the offset up to which everything is written.
    """

    def __init__(self, log: Log, store: Callable[[], Store], *, gather_s: float = GATHER_S) -> None:
        self._source, self._store, self._gather_s = log, store, gather_s
        self._mine: set[int] = set()
        self._ends: dict[str, int] = {}  # stream -> seq
        self.reached: dict[int, int] = {}
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._started = False

    async def run(self) -> None:
        """Until `stop`. Outages of the log, the store and the database are waited out."""
        self._started = True
        failures = 0
        try:
            while not self._stopping.is_set():
                try:
                    await self._serve()
                    failures = 0
                except RegroupedError:
                    continue
                except (LogUnavailableError, StoreUnavailableError, UnavailableError) as error:
                    failures = await self._wait_out(error, failures)
                except (DatabaseError, InterfaceError) as error:
                    failures = await self._wait_out(error, failures)
        finally:
            self._ended.set()

    async def stop(self) -> None:
        self._stopping.set()
        if self._started:
            await self._ended.wait()

    async def _wait_out(self, error: Exception, failures: int) -> int:
        if failures == 0:
            _log.warning("the read service waits: %s", error)
        await self._pause(min(_RETRY_MAX_S, _FIRST_RETRY_S * 2 ** (failures + 1)) * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        return failures + 1

    async def _serve(self) -> None:
        reader = await self._source.reader(GROUP, patient=True)
        self._mine.clear()
        try:
            while not self._stopping.is_set():
                poll = await reader.poll(max_records=AT_ONCE, timeout_s=POLL_S)
                self._regroup(poll)
                records = [record for record in poll.records if record.position.partition in self._mine]
                if records:
                    await self._take(reader, records)
                    if len(records) < AT_ONCE:
                        await self._pause(self._gather_s)
        finally:
            with contextlib.suppress(LogUnavailableError):
                await reader.close()

    def _regroup(self, poll: Poll) -> None:
        self._mine.difference_update(poll.revoked)
        self._mine.update(poll.assigned)

    async def _take(self, reader: Reader, records: Sequence[LogRecord]) -> None:
        items = [item for record in records if (item := _item(record)) is not None]
        placed, pause = await self._placed(items), _WAIT_S
        while items and not await self._passed(items, placed):
            if self._stopping.is_set():
                return
            # Asking often a store that is behind would put it further behind.
            await self._pause(pause)
            pause = min(2 * pause, _WAIT_MAX_S)
            poll = await reader.poll(max_records=0, timeout_s=0)
            if poll.revoked or poll.assigned:
                raise RegroupedError
            placed |= await self._placed([item for item in items if item.envelope.event_id not in placed])
        await self.apply(items, placed)
        metrics.FOLLOWED.inc(len(records))
        done = {record.position.partition: record.position.offset + 1 for record in records}
        self.reached.update(done)
        await reader.commit(done)

    async def _placed(self, items: Sequence[Item]) -> dict[int, Sequenced]:
        """By event id, what the store has of these: one read for a stream that was read before. It may lack some."""
        found: dict[int, Sequenced] = {}

        async def look(stream: str, wanted: Sequence[Item]) -> None:
            after = self._ends.get(stream)
            if after is None:
                head = (await self._store().heads([stream])).get(stream)
                after = 0 if head is None else max(0, head.seq - len(wanted) - _SLACK)
            offsets = {item.offset for item in wanted}
            for event in await self._store().events(stream, after=after, limit=len(wanted) + _SLACK):
                if event.position.offset in offsets:
                    found[event.envelope.event_id] = event
                    self._ends[stream] = event.seq

        streams = list(_by_stream(items).items())
        for start in range(0, len(streams), _LOOK_UPS):
            await asyncio.gather(*(look(stream, wanted) for stream, wanted in streams[start : start + _LOOK_UPS]))
        while len(self._ends) > _ENDS_MAX:
            del self._ends[next(iter(self._ends))]
        return found

    async def _passed(self, items: Sequence[Item], placed: Mapping[int, Sequenced]) -> bool:
        """Whether the sequencer has stored all of these, or found that they repeat something."""
        last = _by_stream([item for item in items if item.envelope.event_id not in placed])
        names = list(last)
        for start in range(0, len(names), _STREAMS):
            some = names[start : start + _STREAMS]
            heads = await self._store().heads(some)
            for name in some:
                reached = heads[name].position.offset if name in heads else -1
                for item in last[name]:
                    if item.offset > reached and not await self._repeats(item):
                        return False
        return True

    async def _repeats(self, item: Item) -> bool:
        dedupe = item.envelope.dedupe
        return dedupe is not None and await original_before(item.stream, dedupe, item.offset) is not None

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # -- what records mean

    async def apply(self, items: Sequence[Item], placed: Mapping[int, Sequenced] | None = None) -> None:
        """The sequencer has passed them; `placed` are events of theirs that were read already, by their ids.

        Raises StoreUnavailableError, UnavailableError, what the database raises.
        """
        work, placed = gathered(items), placed or {}
        posts = {*work.posts.values(), *(reply for reply, _ in work.replies.values())}
        asked = {message_id for message_id in posts if message_id not in placed} | {*work.messages}
        asked |= {message_id for message_id, _, _ in work.reactions}
        found = await self._look_up(asked)
        # a post that has no place repeated an earlier one
        places = {post_id: (found[post_id].channel_id, place_of(found[post_id])) for post_id in posts & found.keys()}
        places |= {post_id: _place_in(event) for post_id, event in placed.items()}
        seen = Seen()
        seen.was_here = [
            Move(author, scope, *places[post_id])
            for (author, scope), post_id in work.posts.items()
            if post_id in places
        ]
        seen.replies = [
            (thread_id, places[reply_id][0], workspace_id, places[reply_id][1])
            for thread_id, (reply_id, workspace_id) in work.replies.items()
            if reply_id in places
        ]
        shown = [found[message_id] for message_id in work.messages if message_id in found]
        views = await messaging.views(shown)
        for message, view in zip(shown, views, strict=True):
            named = [int(mention.user_id) for mention in view.mentions if mention.user_id is not None]
            groups = [int(mention.group_id) for mention in view.mentions if isinstance(mention.group_id, str)]
            if groups:
                named += await threads.read(partial(workspaces.in_groups, groups))
            to_all = any(mention.kind in {"channel", "here"} for mention in view.mentions)
            seen.standings.append(_standing(message, work.messages[message.message_id], named, to_all=to_all))
        for (message_id, emoji, reactor), (workspace_id, at) in work.reactions.items():
            reacted = found.get(message_id)
            if reacted is not None:
                seen.reactions.append(_reaction(reacted, emoji, reactor, workspace_id, at))
        for item in work.joins:
            seen.was_here.append(await self._joined(item))
        if seen:
            await tell(await threads.read(lambda: follow_log.write_seen(seen)))

    async def _look_up(self, message_ids: set[int]) -> dict[int, StoredMessage]:
        store, found = self._store(), dict[int, StoredMessage]()

        async def look(message_id: int) -> None:
            location: Location | None = await store.locate(message_id)
            message = None if location is None else await store.message(location)
            if message is not None:
                found[message_id] = message

        ordered = sorted(message_ids)
        for start in range(0, len(ordered), _LOOK_UPS):
            await asyncio.gather(*(look(message_id) for message_id in ordered[start : start + _LOOK_UPS]))
        return found

    async def _joined(self, item: Item) -> Move:
        """Read up to what was posted before the joining was decided: its event may enter the log later than that."""
        store, event = self._store(), item.event
        user_id = int(event.user_id) if isinstance(event, MemberJoined) else 0
        head = (await store.heads([item.stream])).get(item.stream)
        low, high = 0, head.seq if head else 0
        while low < high:  # the last event up to the record
            middle = (low + high + 1) // 2
            probe = await store.events(item.stream, after=middle - 1, limit=1)
            low, high = (middle, high) if probe and probe[0].position.offset <= item.offset else (low, middle - 1)
        before = await store.events(item.stream, after=max(0, low - _JOIN_BACK), limit=min(low, _JOIN_BACK))
        later = sum(1 for one in before if one.envelope.counts and one.envelope.event_id > item.envelope.event_id)
        return Move(user_id, item.channel_id, item.channel_id, (before[-1].count if before else 0) - later)


def gathered(items: Sequence[Item]) -> Work:
    work = Work()
    for item in items:
        envelope, workspace_id = item.envelope, item.envelope.workspace_id or 0
        match item.event:
            case MessagePosted() as post:
                scope = envelope.thread[0] if envelope.thread else item.channel_id
                work.posts[int(post.sender_id), scope] = envelope.event_id
                if envelope.thread:
                    work.replies[scope] = envelope.event_id, workspace_id
                if post.mentioned or post.mentioned_groups or post.mentions_all:
                    work.messages[envelope.event_id] = workspace_id
            case MessageEdited(target=target) | MessageDeleted(target=target):
                work.messages[int(target.message_id)] = workspace_id
            case ReactionAdded(target=target) | ReactionRemoved(target=target):
                key = int(target.message_id), item.event.emoji, int(item.event.user_id)
                work.reactions[key] = workspace_id, _at(envelope)
            case MemberJoined():
                work.joins.append(item)
    return work


def place_of(message: StoredMessage) -> int:
    return message.n if message.thread_id is None else message.thread_n


def _place_in(event: Sequenced) -> tuple[int, int]:
    """(channel, place) of a post, as `place_of` says once it is a message."""
    return int(event.stream[2:]), event.count if event.envelope.thread is None else event.thread_n


def _by_stream(items: Sequence[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.stream, []).append(item)
    return found


def _at(envelope: Envelope) -> int:
    return follow_log.minted_at(envelope.event_id)


def _standing(message: StoredMessage, workspace_id: int, named: Sequence[int], *, to_all: bool) -> Standing:
    return Standing(
        message_id=message.message_id,
        workspace_id=workspace_id,
        channel_id=message.channel_id,
        scope_id=message.thread_id or message.channel_id,
        n=place_of(message),
        sender_id=message.sender_id,
        deleted=message.deleted_at is not None,
        named=frozenset(named) - {message.sender_id},
        to_all=to_all,
    )


def _reaction(message: StoredMessage, emoji: str, reactor: int, workspace_id: int, at: int) -> Reaction:
    stands = message.deleted_at is None and (emoji, reactor) in message.reactions and reactor != message.sender_id
    return Reaction(
        user_id=message.sender_id,
        workspace_id=workspace_id,
        channel_id=message.channel_id,
        message_id=message.message_id,
        reactor_id=reactor,
        emoji=emoji,
        at=at,
        stands=stands,
    )


def _item(record: LogRecord) -> Item | None:
    """None for what does not concern this room, and for what can't be read: the sequencer complains about that."""
    if not record.key.startswith("c:"):
        return None
    try:
        envelope = decode_envelope(record.value)
        decoder = _decoders.get(envelope.type)
        return (
            None
            if decoder is None
            else Item(record.key, record.position.offset, envelope, decoder.decode(envelope.body))
        )
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
