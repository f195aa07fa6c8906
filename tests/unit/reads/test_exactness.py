"""Whatever people do in whatever order, unread and mention counts equal a recount from scratch.

The model knows what a reader did (markers); what is unread then is counted one by one from the history that the store
shows. In between the gateway loses what it had not written yet, and the read service is killed and begins again.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import pytest
from django.db import OperationalError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from apps.conversations.actions.create_channel import create_channel
from apps.conversations.actions.membership import join_channel, leave_channel
from apps.core.errors import AppError, UnavailableError
from apps.eventlog import registry as eventlog
from apps.eventlog import streams
from apps.eventlog.events import Batch
from apps.eventlog.models import OutboxRow
from apps.messaging import queries as messaging
from apps.messaging.actions import delete_message, edit_message, follow_thread, post_message
from apps.messaging.present import MessageView
from apps.reads import actions, queries
from apps.reads.registry import buffer
from tests.unit.messaging.conftest import Scene
from tests.unit.reads.conftest import Reading

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]
T = TypeVar("T")
WHO = ("owner", "admin", "member")
STEPS, EXAMPLES = 30, 12


@dataclass
class Reader:
    """What one person did with one scope. `tabs`: the version each of two tabs was told last."""

    n: int = 0
    version: int = 0
    stepped_at: int = 0
    waiting: tuple[int, int] | None = None
    tabs: list[int] = field(default_factory=lambda: [0, 0])

    def was_here(self, n: int) -> None:
        if n > self.n and n > self.stepped_at:
            self.n = n

    def flush(self) -> None:
        if self.waiting is not None:
            version, n = self.waiting
            if version == self.version and n > self.n:
                self.n = n
        self.waiting = None


async def test_counts_equal_a_recount(scene: Scene, relaying: None, reading: Reading) -> None:
    loop = asyncio.get_running_loop()
    handles = await asyncio.to_thread(lambda: {who: scene.team.member(who).handle for who in WHO})
    numbers = iter(range(1, 1000))

    def wait(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    def patiently(work: Callable[[], T]) -> T:
        """The tests' SQLite lives in memory, where a table that another thread reads can't be written at once."""
        for _ in range(200):
            try:
                return work()
            except OperationalError as error:
                if "locked" not in str(error):
                    raise
                time.sleep(0.01)
        raise AssertionError("locked for too long")

    class People(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            name = f"exact-{next(numbers)}"
            made = patiently(
                lambda: create_channel(
                    actor=scene.owner,
                    workspace_id=scene.team.id,
                    name=name,
                    member_ids=[scene.admin.user_id, scene.member.user_id],
                )
            )
            self.channel = made.pk
            self.members = set(WHO)
            self.count = 0
            self.top: list[int] = []
            self.replies: list[int] = []
            self.parent: int | None = None
            self.reply_count = 0
            self.place: dict[int, tuple[bool, int, str]] = {}  # message -> in the thread, place, sender
            self.channel_readers = {who: Reader() for who in WHO}
            self.thread_readers = {who: Reader() for who in WHO}
            wait(relayed())
            wait(reading.through())

        # -- writing

        def text(self, named: str) -> str:
            match named:
                case "nobody":
                    return "hello"
                case "all":
                    return "@channel"
                case "both":
                    return f"@{handles['member']} @here"
            return f"@{handles[named]}"

        named = st.sampled_from(("nobody", "all", "both", *WHO))

        @rule(who=st.sampled_from(WHO), named=named)
        def post(self, who: str, named: str) -> None:
            if who not in self.members:
                return
            posted = wait(
                post_message(actor=getattr(scene, who), channel_id=self.channel, text=self.text(named), wait=True)
            )
            self.count += 1
            self.top.append(posted.message_id)
            self.place[posted.message_id] = (False, self.count, who)
            self.channel_readers[who].was_here(self.count)
            if self.parent is None:
                self.parent = posted.message_id
                for other in WHO:
                    if other in self.members:
                        follow(other, posted.message_id)

        @precondition(lambda self: self.parent is not None)
        @rule(who=st.sampled_from(WHO), named=named)
        def reply(self, who: str, named: str) -> None:
            if who not in self.members:
                return
            try:
                posted = wait(
                    post_message(
                        actor=getattr(scene, who),
                        channel_id=self.channel,
                        text=self.text(named),
                        thread_id=self.parent,
                        wait=True,
                    )
                )
            except AppError:  # its first message was deleted before it had a reply
                return
            self.reply_count += 1
            self.replies.append(posted.message_id)
            self.place[posted.message_id] = (True, self.reply_count, who)
            self.thread_readers[who].was_here(self.reply_count)

        @precondition(lambda self: self.place)
        @rule(data=st.data(), named=named)
        def edit(self, data: st.DataObject, named: str) -> None:
            message_id = data.draw(st.sampled_from(sorted(self.place)))
            sender = self.place[message_id][2]
            if sender in self.members:
                wait(
                    quietly(
                        edit_message(
                            actor=getattr(scene, sender), message_id=message_id, text=self.text(named), wait=True
                        )
                    )
                )

        @precondition(lambda self: self.place)
        @rule(data=st.data())
        def delete(self, data: st.DataObject) -> None:
            message_id = data.draw(st.sampled_from(sorted(self.place)))
            wait(quietly(delete_message(actor=scene.owner, message_id=message_id, wait=True)))

        # -- reading

        @precondition(lambda self: self.count)
        @rule(who=st.sampled_from(WHO), tab=st.integers(0, 1), part=st.floats(0, 1), thread=st.booleans())
        def read(self, who: str, tab: int, part: float, thread: bool) -> None:
            if who not in self.members or (thread and not self.reply_count):
                return
            end = self.reply_count if thread else self.count
            n = round(end * part)
            reader = (self.thread_readers if thread else self.channel_readers)[who]
            version = reader.tabs[tab]
            wait(
                actions.move_marker(
                    actor=getattr(scene, who),
                    channel_id=self.channel,
                    thread_id=self.parent if thread else None,
                    n=n,
                    version=version,
                )
            )
            reader.waiting = max(reader.waiting or (-1, -1), (version, n))

        @precondition(lambda self: self.place)
        @rule(who=st.sampled_from(WHO), data=st.data())
        def mark_unread(self, who: str, data: st.DataObject) -> None:
            if who not in self.members:
                return
            message_id = data.draw(st.sampled_from(sorted(self.place)))
            in_thread, place, _ = self.place[message_id]
            reader = (self.thread_readers if in_thread else self.channel_readers)[who]
            patiently(lambda: wait(actions.step_back(actor=getattr(scene, who), message_id=message_id)))
            reader.n, reader.version = place - 1, reader.version + 1
            reader.stepped_at = max(reader.stepped_at, self.reply_count if in_thread else self.count)
            self.counts_are_exact()

        @rule(who=st.sampled_from(WHO), tab=st.integers(0, 1), thread=st.booleans())
        def tab_hears(self, who: str, tab: int, thread: bool) -> None:
            reader = (self.thread_readers if thread else self.channel_readers)[who]
            reader.tabs[tab] = reader.version

        @rule()
        def flush(self) -> None:
            wait(flushed())
            for reader in (*self.channel_readers.values(), *self.thread_readers.values()):
                reader.flush()

        # -- coming, going, breaking

        @rule()
        def member_leaves(self) -> None:
            if "member" in self.members:
                patiently(lambda: leave_channel(actor=scene.member, channel_id=self.channel))
                self.members.discard("member")
                patiently(lambda: wait(relayed()))

        @rule()
        def member_joins(self) -> None:
            if "member" not in self.members:
                patiently(lambda: join_channel(actor=scene.member, channel_id=self.channel))
                self.members.add("member")
                patiently(lambda: wait(relayed()))
                self.channel_readers["member"].was_here(self.count)

        @rule()
        def the_gateway_is_killed(self) -> None:
            buffer.cache_clear()
            for reader in (*self.channel_readers.values(), *self.thread_readers.values()):
                reader.waiting = None

        @rule()
        def the_read_service_is_killed(self) -> None:
            wait(reading.kill())

        # -- what must hold

        @rule()
        def counts_are_exact(self) -> None:
            patiently(lambda: wait(relayed()))
            wait(reading.through())
            patiently(lambda: wait(self.compare()))

        def teardown(self) -> None:
            if hasattr(self, "channel"):
                self.counts_are_exact()

        async def compare(self) -> None:
            page = await messaging.history(actor=scene.owner, channel_id=self.channel, limit=200)
            top = [view for view in page.results if view.thread_id is None]
            thread: list[MessageView] = []
            if self.parent is not None and self.reply_count:
                thread = list((await messaging.replies(actor=scene.owner, message_id=self.parent, limit=200)).results)
            for who in sorted(self.members):
                actor = getattr(scene, who)
                seen = await queries.unreads(actor=actor, workspace_id=scene.team.id)
                found = next(state for scope, state in seen.channels if scope.id == self.channel)
                reader = self.channel_readers[who]
                expected = recount(top, reader.n, who)
                assert (found.n, found.version) == (reader.n, reader.version), who
                assert (found.unread, found.mentions) == expected, who
                of_thread = [state for scope, state in seen.threads if scope.id == self.parent]
                if self.reply_count and of_thread:
                    reader = self.thread_readers[who]
                    assert (of_thread[0].n, of_thread[0].version) == (reader.n, reader.version), f"{who} in the thread"
                    counted = recount(thread, reader.n, who)
                    assert (of_thread[0].unread, of_thread[0].mentions) == counted, f"{who} in the thread"

    def recount(messages: list[MessageView], n: int, who: str) -> tuple[int, int]:
        me = str(getattr(scene, who).user_id)
        left = [
            view for view in messages if (view.n or view.thread_n) > n and not view.deleted and view.sender_id != me
        ]
        named = [view for view in left if any(one.user_id in {me, None} for one in view.mentions)]
        return len(left), len(named)

    def follow(who: str, message_id: int) -> None:
        async def try_to() -> None:
            for _ in range(200):
                try:
                    await follow_thread(actor=getattr(scene, who), message_id=message_id)
                except UnavailableError:  # the tests' database, locked
                    await asyncio.sleep(0.01)
                else:
                    return

        wait(try_to())

    async def quietly(work: Coroutine[Any, Any, Any]) -> None:
        with contextlib.suppress(AppError):
            await work

    async def relayed() -> None:
        while await asyncio.to_thread(OutboxRow.objects.exists):
            await asyncio.sleep(0.005)

    async def flushed() -> None:
        while not await buffer().flush():
            await asyncio.sleep(0.01)

    machine = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    await asyncio.to_thread(run_state_machine_as_test, People, settings=machine)


async def test_every_tab_hears_where_a_marker_is(scene: Scene, reading: Reading) -> None:
    """Two tabs of a person, whichever way it moved: by socket, by hand, by posting."""
    heard: list[tuple[int, int]] = []
    told = asyncio.Event()

    def on_batch(batch: Batch) -> None:
        for signal in batch.ephemeral:
            body = msgspec.msgpack.decode(signal.body)
            heard.append((body["n"], body["version"]))
            told.set()

    async def hears(n: int, version: int) -> None:
        async with asyncio.timeout(10):
            while (n, version) not in heard:
                told.clear()
                await told.wait()

    await eventlog.broadcast().subscribe(streams.user(scene.member.user_id), on_batch)
    made = [await post_message(actor=scene.owner, channel_id=scene.public, text="x", wait=True) for _ in range(3)]
    await actions.move_marker(actor=scene.member, channel_id=scene.public, n=2)
    await buffer().flush()
    await hears(2, 0)
    await actions.step_back(actor=scene.member, message_id=made[0].message_id)
    await hears(0, 1)
    await post_message(actor=scene.member, channel_id=scene.public, text="mine", wait=True)
    await hears(4, 1)
    await actions.mark_all_read(actor=scene.owner, workspace_id=scene.team.id)
