"""One suite for the store, on every backend, the real Cassandra included."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core import ids
from apps.eventlog.events import Position, Sequenced
from apps.messaging.backends.store_cassandra import CassandraStore
from apps.messaging.backends.store_sqlite import SqliteStore
from apps.messaging.ports import Head, Store, StoredMessage, StoreUnavailableError
from deploy.services import Services
from tests.contracts.journal import START_MS, Journal, place, split
from tests.harness.fixtures import require_servers

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=["sqlite", pytest.param("cassandra", marks=pytest.mark.real("cassandra"))],
)
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    made: Store
    if request.param == "sqlite":
        made = SqliteStore(f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.sqlite3'}")
        await made.setup()
        yield made
        await made.close()
        return
    servers: Services = request.getfixturevalue("services")
    require_servers(servers, ("cassandra",))
    made = CassandraStore(f"cassandra://127.0.0.1:{servers.ports['cassandra']}/contract_{ids.new_id()}")
    await made.setup()
    yield made
    await made.drop()
    await made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reference(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    """What every backend must agree with when it is given everything in order, once."""
    made = SqliteStore(f"sqlite:///{tmp_path_factory.mktemp('reference') / 'store.sqlite3'}")
    await made.setup()
    yield made
    await made.close()


async def written(store: Store, journal: Journal) -> None:
    await store.apply(*journal.taken())


async def stored(store: Store, post: Sequenced) -> StoredMessage:
    location = await store.locate(post.envelope.event_id)
    assert location is not None
    message = await store.message(location)
    assert message is not None
    return message


def seqs(messages: Sequence[StoredMessage]) -> list[int]:
    return [message.seq for message in messages]


def text(message: StoredMessage) -> str | None:
    return None if message.content is None else message.content.sealed.decode()


# -- events and heads


async def test_events_come_back_in_order_and_the_head_says_where_the_stream_stands(store: Store) -> None:
    journal = Journal()
    for index in range(5):
        journal.post(f"text {index}")
    events, heads = journal.taken()
    await store.apply(events, heads)
    assert list(await store.events(journal.stream, after=0, limit=100)) == events
    assert list(await store.events(journal.stream, after=2, limit=2)) == events[2:4]
    assert list(await store.events(journal.stream, after=5, limit=10)) == []
    assert await store.heads([journal.stream, "c:1"]) == heads
    assert await store.heads([]) == {}


async def test_events_cross_blocks(store: Store) -> None:
    journal = Journal()
    for _ in range(2_050):
        journal.post("x", wait_ms=1)
    events, heads = journal.taken()
    await store.apply(events, heads)
    assert list(await store.events(journal.stream, after=990, limit=1_020)) == events[990:2_010]
    assert list(await store.events(journal.stream, after=1_999, limit=500)) == events[1_999:]


async def test_events_stop_at_a_gap(store: Store) -> None:
    """A reader that comes between two writes must not take the later one for the next."""
    journal = Journal()
    for _ in range(4):
        journal.post()
    events, _ = journal.taken()
    await store.apply([events[0], events[2], events[3]], {})
    assert [event.seq for event in await store.events(journal.stream, after=0, limit=10)] == [1]
    assert await store.events(journal.stream, after=1, limit=10) == []
    await store.apply([events[1]], {})
    assert list(await store.events(journal.stream, after=0, limit=10)) == events


async def test_other_rooms_events_keep_their_place(store: Store) -> None:
    journal = Journal()
    post = journal.post()
    other = msgspec.structs.replace(
        post,
        stream=f"w:{journal.channel_id}",
        seq=1,
        envelope=msgspec.structs.replace(post.envelope, type="workspace.updated", body=b"anything", dedupe=None),
    )
    unreadable = msgspec.structs.replace(
        post,
        seq=2,
        position=Position(3, 2),
        envelope=msgspec.structs.replace(post.envelope, event_id=ids.new_id(), body=b"\xc1"),
    )
    await store.apply([post, other, unreadable], {})
    assert await store.events(other.stream, after=0, limit=5) == [other]
    assert await store.events(journal.stream, after=0, limit=5) == [post, unreadable]
    assert seqs(await store.history(journal.channel_id, before=None, after=None, limit=5)) == [1]


async def test_an_older_head_never_wins(store: Store) -> None:
    journal = Journal()
    journal.post()
    old = journal.taken()
    journal.post()
    new = journal.taken()
    await store.apply(*new)
    await store.apply(*old)
    assert await store.heads([journal.stream]) == new[1]


# -- messages


async def test_a_message_has_every_field(store: Store) -> None:
    journal = Journal()
    post = journal.post("naïve 😀", sender=42, dedupe="42:abc")
    await written(store, journal)
    message = await stored(store, post)
    assert message == StoredMessage(
        channel_id=journal.channel_id,
        message_id=post.envelope.event_id,
        sender_id=42,
        kind="text",
        seq=1,
        n=1,
        created_at=post.created_at,
        bucket=post.bucket,
        client_msg_id="abc",
        thread_id=None,
        thread_n=0,
        also_in_channel=False,
        content=message.content,
        deleted_at=None,
        reactions=message.reactions,
        reply_count=0,
        last_reply_at=0,
    )
    assert list(message.reactions) == []
    assert message.content is not None
    assert message.content.event_id == message.message_id
    assert message.content.created_at == post.created_at
    assert message.content.editor_id == 42
    assert text(message) == "naïve 😀"
    assert list(await store.history(journal.channel_id, before=None, after=None, limit=1)) == [message]


async def test_locate_knows_where_each_kind_lies(store: Store) -> None:
    journal = Journal()
    parent = journal.post()
    reply = journal.post(reply_to=parent, sender=8)
    shown = journal.post(reply_to=parent, sender=9, also=True)
    await written(store, journal)
    found = [await store.locate(post.envelope.event_id) for post in (parent, reply, shown)]
    assert [(f.channel_id, f.sender_id, f.bucket, f.created_at, f.seq) for f in found if f] == [
        (journal.channel_id, sender, post.bucket, post.created_at, post.seq)
        for sender, post in ((7, parent), (8, reply), (9, shown))
    ]
    assert [f.parent for f in found if f] == [None, place(parent), place(parent)]
    assert [f.also_in_channel for f in found if f] == [False, False, True]
    assert await store.locate(ids.new_id()) is None


async def test_edits_keep_every_version(store: Store) -> None:
    journal = Journal()
    post = journal.post("one", sender=7)
    first = journal.edit(post, "two")
    second = journal.edit(post, "three")
    await written(store, journal)
    message = await stored(store, post)
    assert text(message) == "three"
    assert message.content is not None
    assert (message.content.event_id, message.content.created_at) == (second.envelope.event_id, second.created_at)
    location = await store.locate(post.envelope.event_id)
    assert location is not None
    versions = await store.versions(location)
    assert [version.sealed for version in versions] == [b"one", b"two", b"three"]
    assert [version.created_at for version in versions] == [post.created_at, first.created_at, second.created_at]


async def test_a_deletion_is_final(store: Store) -> None:
    journal = Journal()
    post = journal.post("secret")
    journal.edit(post, "still secret")
    journal.react(post, "👍", 8)
    gone = journal.delete(post)
    late = journal.edit(post, "back again")
    await written(store, journal)
    await store.apply([late], {})
    message = await stored(store, post)
    assert (message.content, message.deleted_at) == (None, gone.created_at)
    location = await store.locate(post.envelope.event_id)
    assert location is not None
    assert list(await store.versions(location)) == []
    assert seqs(await store.history(journal.channel_id, before=None, after=None, limit=5)) == [1]


async def test_reactions_come_in_the_order_of_adding(store: Store) -> None:
    journal = Journal()
    post = journal.post()
    journal.react(post, "👍", 1)
    journal.react(post, "🎉", 2)
    journal.react(post, "👍", 3)
    removed = journal.react(post, "👍", 1, on=False)
    journal.react(post, "🎉", 1)
    await written(store, journal)
    assert list((await stored(store, post)).reactions) == [("🎉", 2), ("👍", 3), ("🎉", 1)]
    journal.react(post, "👍", 1)
    await written(store, journal)
    await store.apply([removed], {})
    assert list((await stored(store, post)).reactions) == [("🎉", 2), ("👍", 3), ("🎉", 1), ("👍", 1)]


async def test_pins_are_what_was_said_last_of_each_message(store: Store) -> None:
    journal = Journal()
    first, second = journal.post("a"), journal.post("b")
    reply = journal.post("c", reply_to=first)
    journal.pin(first)
    journal.pin(reply, user=8)
    journal.pin(second)
    journal.pin(second, on=False)
    again = journal.pin(first, user=9)
    await written(store, journal)
    pins = await store.pins(journal.channel_id)
    assert [(pin.target.message_id, pin.by) for pin in pins] == [
        (str(first.envelope.event_id), 9),
        (str(reply.envelope.event_id), 8),
    ]
    assert pins[0].at == again.created_at
    assert pins[1].target.parent == place(first)
    assert await store.pins(1) == []


async def test_notices_are_what_happened_to_the_channel(store: Store) -> None:
    journal = Journal()
    joined = [journal.join(user) for user in range(3)]
    post = journal.post()
    pinned = journal.pin(post)
    journal.pin(post, on=False)
    journal.edit(post, "x")
    elsewhere = msgspec.structs.replace(joined[0], stream=f"w:{journal.channel_id}", seq=1)
    events, heads = journal.taken()
    await store.apply([*events, elsewhere], heads)
    channel_id = journal.channel_id
    assert list(await store.notices(channel_id, after=0, before=1 << 62, limit=9)) == [*joined, pinned]
    assert list(await store.notices(channel_id, after=1, before=post.seq, limit=9)) == joined[1:]
    assert list(await store.notices(channel_id, after=0, before=1 << 62, limit=2)) == [joined[2], pinned]
    assert seqs(await store.history(channel_id, before=None, after=None, limit=5)) == [post.seq]


async def test_threads_count_replies_that_are_left(store: Store) -> None:
    journal = Journal()
    parent = journal.post()
    replies = [journal.post(f"r{n}", reply_to=parent) for n in range(3)]
    await written(store, journal)
    message = await stored(store, parent)
    assert (message.reply_count, message.last_reply_at) == (3, replies[-1].created_at)
    journal.delete(replies[1])
    journal.delete(replies[1])
    await written(store, journal)
    assert (await stored(store, parent)).reply_count == 2
    for reply in (replies[0], replies[2]):
        journal.delete(reply)
    await written(store, journal)
    message = await stored(store, parent)
    assert (message.reply_count, message.last_reply_at) == (0, 0)


async def test_replies_are_paged_oldest_first(store: Store) -> None:
    journal = Journal()
    parent = journal.post()
    replies = [journal.post(f"r{n}", reply_to=parent, also=n % 3 == 0) for n in range(7)]
    edited = journal.edit(replies[2], "r2, better")
    journal.react(replies[3], "🎉", 4)
    await written(store, journal)
    page = await store.replies(parent.envelope.event_id, after=None, limit=4)
    assert [text(message) for message in page] == ["r0", "r1", "r2, better", "r3"]
    assert [message.thread_n for message in page] == [1, 2, 3, 4]
    assert page[2].content is not None
    assert page[2].content.event_id == edited.envelope.event_id
    assert list(page[3].reactions) == [("🎉", 4)]
    assert {message.thread_id for message in page} == {parent.envelope.event_id}
    rest = await store.replies(parent.envelope.event_id, after=(page[-1].created_at, page[-1].seq), limit=4)
    assert [text(message) for message in rest] == ["r4", "r5", "r6"]
    assert await store.replies(parent.envelope.event_id, after=(rest[-1].created_at, rest[-1].seq), limit=4) == []


async def test_a_reply_also_in_the_channel_changes_in_both_places(store: Store) -> None:
    journal = Journal()
    parent = journal.post("parent")
    hidden = journal.post("hidden", reply_to=parent)
    shown = journal.post("shown", reply_to=parent, also=True)
    journal.edit(shown, "shown, edited")
    journal.react(shown, "👍", 3)
    await written(store, journal)
    channel = await store.history(journal.channel_id, before=None, after=None, limit=10)
    thread = await store.replies(parent.envelope.event_id, after=None, limit=10)
    assert [text(message) for message in channel] == ["shown, edited", "parent"]
    assert [text(message) for message in thread] == ["hidden", "shown, edited"]
    assert channel[0] == thread[1]
    assert (channel[0].also_in_channel, channel[0].n) == (True, 0)
    journal.delete(shown)
    journal.delete(hidden)
    await written(store, journal)
    channel = await store.history(journal.channel_id, before=None, after=None, limit=10)
    thread = await store.replies(parent.envelope.event_id, after=None, limit=10)
    assert [message.deleted_at is not None for message in channel] == [True, False]
    assert [message.deleted_at is not None for message in thread] == [True, True]
    assert channel[1].reply_count == 0


# -- history


async def test_history_pages_both_ways_across_parts_and_empty_months(store: Store) -> None:
    journal = Journal(bucket_rows=4, now=START_MS)
    month = 31 * 24 * 3600 * 1000
    for wait in (10, 10, 10, 10, 10, 10, 0, 0, 0, 0, 3 * month, 10, 10, month, 10, 10, 10, 10, 10):
        journal.post("x", wait_ms=wait)
    buckets = list(dict.fromkeys(event.bucket for event in journal.pending))
    assert len(buckets) > 4
    await written(store, journal)
    everything = list(range(19, 0, -1))

    def cursor(message: StoredMessage) -> tuple[int, int]:
        return message.created_at, message.seq

    channel = journal.channel_id
    assert seqs(await store.history(channel, before=None, after=None, limit=200)) == everything
    for limit in (1, 3, 5, 19, 20):
        down: list[int] = []
        page = await store.history(channel, before=None, after=None, limit=limit)
        last = page
        while page:
            assert len(page) <= limit
            down += seqs(page)
            last = page
            page = await store.history(channel, before=cursor(page[-1]), after=None, limit=limit)
        assert down == everything, limit
        up: list[int] = [last[-1].seq]
        page = await store.history(channel, before=None, after=cursor(last[-1]), limit=limit)
        while page:
            up += seqs(page)[::-1]
            page = await store.history(channel, before=None, after=cursor(page[0]), limit=limit)
        assert up == everything[::-1], limit
    assert await store.history(channel, before=(0, 0), after=None, limit=5) == []
    assert await store.history(channel, before=None, after=(1 << 60, 0), limit=5) == []
    assert seqs(await store.history(channel, before=(1 << 60, 0), after=None, limit=2)) == [19, 18]
    assert seqs(await store.history(channel, before=None, after=(0, 0), limit=2)) == [2, 1]
    assert await store.history(ids.new_id(), before=None, after=None, limit=5) == []


async def test_history_sees_a_new_bucket_at_once(store: Store) -> None:
    """Whatever a reader keeps of the index, the newest page holds what was just written."""
    journal = Journal(bucket_rows=2)
    for _ in range(9):
        post = journal.post()
        await written(store, journal)
        heads = await store.heads([journal.stream])
        for newest in (None, heads[journal.stream].bucket):
            page = await store.history(journal.channel_id, before=None, after=None, limit=3, newest_bucket=newest)
            assert seqs(page) == list(range(post.seq, max(0, post.seq - 3), -1))
        page = await store.history(journal.channel_id, before=(post.created_at, post.seq + 1), after=None, limit=2)
        assert seqs(page) == list(range(post.seq, max(0, post.seq - 2), -1))
        before = (post.created_at - 1, 0)
        assert seqs(await store.history(journal.channel_id, before=None, after=before, limit=3)) == [post.seq]


async def test_large_contents_and_full_batches_are_taken(store: Store) -> None:
    journal = Journal()
    for index in range(120):
        journal.post("x" * (48_000 if index % 40 == 0 else 10), dedupe=f"7:{index}")
    await written(store, journal)
    page = await store.history(journal.channel_id, before=None, after=None, limit=200)
    assert seqs(page) == list(range(120, 0, -1))
    assert sum(len(text(message) or "") for message in page) == 3 * 48_000 + 117 * 10


# -- the sequencer's own look-ups


async def test_originals_are_the_newest_holder_at_a_smaller_offset(store: Store) -> None:
    journal = Journal()
    first = journal.post(dedupe="7:a")
    other = journal.post(dedupe="7:b")
    again = journal.post(dedupe="7:a")
    await written(store, journal)
    stream = journal.stream
    keys = [(stream, "7:a", 0), (stream, "7:a", 1), (stream, "7:a", 2), (stream, "7:a", 99), (stream, "7:c", 99)]
    found = await store.originals(keys)
    assert {key: original.event_id for key, original in found.items()} == {
        keys[1]: first.envelope.event_id,
        keys[2]: first.envelope.event_id,
        keys[3]: again.envelope.event_id,
    }
    original = (await store.originals([(stream, "7:b", 50)]))[stream, "7:b", 50]
    assert (original.seq, original.created_at, original.position) == (other.seq, other.created_at, other.position)
    assert original.timestamp_ms == other.created_at
    assert await store.originals([("c:999", "7:a", 99)]) == {}


async def test_thread_totals_count_up_to_a_seq(store: Store) -> None:
    journal = Journal()
    parents = [journal.post(), journal.post(), journal.post()]
    replies = [journal.post(reply_to=parents[n % 2]) for n in range(6)]
    journal.delete(replies[0])
    await written(store, journal)
    asked = [(journal.channel_id, place(parent)) for parent in parents]
    ids_of = [parent.envelope.event_id for parent in parents]
    assert await store.thread_totals(asked) == dict(zip(ids_of, [3, 3, 0], strict=True))
    until = {journal.channel_id: replies[2].seq}
    assert await store.thread_totals(asked, until=until) == dict(zip(ids_of, [2, 1, 0], strict=True))


# -- replay: any order and repetition of writes ends in the same rows


async def everything(store: Store, journal: Journal, events: Sequence[Sequenced]) -> tuple[object, ...]:
    posts = [event for event in events if event.envelope.type == "message.posted"]
    threads = {event.envelope.thread[0] for event in posts if event.envelope.thread}
    locations = [await store.locate(post.envelope.event_id) for post in posts]
    keys = [(journal.stream, event.envelope.dedupe or "", event.position.offset + 1) for event in posts]
    return (
        list(await store.events(journal.stream, after=0, limit=1000)),
        list(await store.history(journal.channel_id, before=None, after=None, limit=200)),
        list(await store.history(journal.channel_id, before=None, after=(0, 0), limit=3)),
        {thread: list(await store.replies(thread, after=None, limit=200)) for thread in sorted(threads)},
        locations,
        [list(await store.versions(location)) for location in locations if location],
        dict(await store.originals(keys)),
        dict(await store.heads([journal.stream])),
        list(await store.pins(journal.channel_id)),
        list(await store.notices(journal.channel_id, after=0, before=1 << 62, limit=200)),
    )


def life(seed: int, length: int) -> Journal:
    """A channel in which everything happens, by chance."""
    chance = random.Random(seed)
    journal = Journal(bucket_rows=3)
    posts = [journal.post("first", dedupe="7:0")]
    for index in range(1, length):
        post = chance.choice(posts)
        match chance.randrange(11):
            case 0 | 1:
                posts.append(journal.post(f"text {index}", dedupe=f"7:{index}"))
            case 2 | 3:
                top = chance.choice([post for post in posts if post.envelope.thread is None])
                posts.append(journal.post(f"reply {index}", reply_to=top, also=chance.random() < 0.3))
            case 4:
                journal.edit(post, f"edit {index}")
            case 5:
                journal.delete(post)
            case 6:
                journal.react(post, chance.choice("👍🎉"), chance.randrange(1, 3))
            case 7:
                journal.react(post, chance.choice("👍🎉"), chance.randrange(1, 3), on=False)
            case 8 | 9:
                journal.pin(post, on=chance.random() < 0.6)
            case 10:
                journal.join(index)
    return journal


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(1, 23), max_size=5),
    order=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    reverse=st.booleans(),
)
async def test_any_order_and_repetition_gives_the_same_rows(
    store: Store, reference: Store, seed: int, cuts: list[int], order: list[int], reverse: bool
) -> None:
    journal = life(seed, 24)
    events = list(journal.pending)
    batches = split(events, cuts)
    heads = [{journal.stream: _head(batch[-1])} for batch in batches]
    for index in [index % len(batches) for index in order]:
        await store.apply(batches[index][::-1] if reverse else batches[index], heads[index])
    for index in sorted(range(len(batches)), key=lambda index: (index * 7919 + seed) % 101):
        await store.apply(batches[index], heads[index])
    for batch, head in zip(batches, heads, strict=True):
        await reference.apply(batch, head)
    assert await everything(store, journal, events) == await everything(reference, journal, events)


def _head(event: Sequenced) -> Head:
    return Head(event.seq, event.count, event.created_at, event.position, event.bucket, 0)


# -- the store's own life


async def test_setup_may_run_again(store: Store) -> None:
    journal = Journal()
    journal.post()
    await written(store, journal)
    await store.setup()
    assert seqs(await store.history(journal.channel_id, before=None, after=None, limit=5)) == [1]


async def test_dropped_tables_are_empty_after_setup_and_a_replay_brings_the_same(store: Store) -> None:
    journal = life(5, 40)
    events = list(journal.pending)
    await written(store, journal)
    first = await everything(store, journal, events)
    await store.drop()
    await store.setup()
    assert await store.heads([journal.stream]) == {}
    assert await store.events(journal.stream, after=0, limit=10) == []
    assert await store.history(journal.channel_id, before=None, after=None, limit=10) == []
    await store.apply(events, {journal.stream: journal.head()})
    assert await everything(store, journal, events) == first


# -- Cassandra goes away and comes back


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_cassandra() -> AsyncIterator[Services]:
    """A server of this module's own, which may be killed."""
    servers = Services.ephemeral()
    await asyncio.to_thread(require_servers, servers, ("cassandra",))
    yield servers
    await asyncio.to_thread(servers.destroy)


@pytest.mark.real("cassandra")
async def test_cassandra_is_lost_and_found(own_cassandra: Services) -> None:
    port = own_cassandra.ports["cassandra"]
    await asyncio.to_thread(own_cassandra.kill, "cassandra")
    store = CassandraStore(f"cassandra://127.0.0.1:{port}/outage")
    store.deadline_s = 1.0
    journal = Journal()
    post = journal.post()

    async def unavailable() -> None:
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            await store.apply([post], {journal.stream: journal.head()})
        with pytest.raises(StoreUnavailableError):
            await store.heads([journal.stream])
        assert time.monotonic() - started < 4.0

    async def answers_again() -> None:
        """By itself, without a new store object; how soon is for the bench to say."""
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(StoreUnavailableError):
                    return await store.apply([post], {journal.stream: journal.head()})
                await asyncio.sleep(0.05)

    await unavailable()  # not up yet
    with pytest.raises(StoreUnavailableError):
        await store.setup()
    await asyncio.to_thread(own_cassandra.start, "cassandra")
    await store.setup()
    await answers_again()

    await asyncio.to_thread(own_cassandra.kill, "cassandra")
    await unavailable()
    await asyncio.to_thread(own_cassandra.start, "cassandra")
    await answers_again()
    assert list(await store.events(journal.stream, after=0, limit=5)) == [post]

    await asyncio.to_thread(own_cassandra.pause, "cassandra")
    await unavailable()
    await asyncio.to_thread(own_cassandra.resume, "cassandra")
    await answers_again()
    await store.close()
