"""From a sequenced post to what each device gets: real log, sequencer, store and push service, tasks called by hand."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import current_app
from django.core import mail

from apps.accounts.principal import Principal
from apps.conversations.actions.open_dm import open_dm
from apps.core import clock
from apps.core.errors import InvalidError
from apps.delivery import followups
from apps.messaging.actions.delete_message import delete_message
from apps.messaging.actions.post_message import Posted, post_message
from apps.notifications import posts, registry, taking_back, tasks, unsubscribe
from apps.notifications.actions import change_channel_preference, change_preference, fan_out, register_device
from apps.notifications.actions import push as pushing
from apps.notifications.models import Device, FanOut, Notification
from apps.notifications.ports import TAKEN, Outcome, Push, Target
from apps.presence import queries as presence
from apps.presence.states import PresenceState
from apps.reads import queries as reads
from apps.reads.moves import Moved
from tests.unit.messaging.conftest import Scene

pytestmark = pytest.mark.django_db(transaction=True)


class Phones:
    """A push service that keeps what it took. `answers`: by token, what it says instead, once each."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Push]] = []
        self.answers: dict[str, list[Outcome]] = {}
        self.die_after: int | None = None

    async def send(self, target: Target, push: Push) -> Outcome:
        if self.answers.get(target.token):
            return self.answers[target.token].pop(0)
        self.taken.append((target.token, push))
        if self.die_after is not None and len(self.taken) >= self.die_after:
            raise RuntimeError("the worker dies here")
        return TAKEN

    async def close(self) -> None: ...

    @property
    def rung(self) -> list[str]:
        return sorted(token for token, push in self.taken if not push.close and not push.quiet)


class Around:
    """What the other rooms and the clock say, and the tasks that were enqueued instead of run."""

    def __init__(self) -> None:
        self.phones = Phones()
        self.states: dict[int, PresenceState] = {}
        self.read: dict[int, int] = {}
        self.enqueued: list[tuple[str, tuple[Any, ...], float | None, str | None]] = []
        self.passed_ms = 0

    def online(self, user_id: int) -> None:
        self.states[user_id] = PresenceState(user_id, "online", dnd=False, active_device=True)

    def run(self) -> None:
        """Everything that was enqueued, and what that enqueues, delays passed."""
        while self.enqueued:
            self.run_one()

    def run_one(self) -> None:
        name, args, countdown, _ = self.enqueued.pop(0)
        self.passed_ms += int((countdown or 0) * 1000)
        getattr(tasks, name.rpartition(".")[2])(*args)


@pytest.fixture
def around(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Around]:
    found = Around()
    real = clock.now_ms
    monkeypatch.setattr(clock, "now_ms", lambda: real() + found.passed_ms)
    monkeypatch.setattr(registry, "pushers", lambda: dict.fromkeys(("webpush", "fcm", "apns"), found.phones))
    monkeypatch.setattr(
        presence,
        "states",
        lambda ids: {
            each: found.states.get(each, PresenceState(each, "offline", dnd=False, active_device=False)) for each in ids
        },
    )
    monkeypatch.setattr(reads, "read_up_to", lambda **_: found.read)
    monkeypatch.setattr(reads, "thread_read_up_to", lambda **_: found.read)
    for name in ("push", "fan_out", "write_letter", "take_back"):
        task = getattr(tasks, name)

        def later(
            args: Any = (), countdown: float | None = None, queue: str | None = None, name: str = task.name
        ) -> None:
            found.enqueued.append((name, tuple(args), countdown, queue))

        monkeypatch.setattr(task, "apply_async", later)
        monkeypatch.setattr(task, "delay", lambda *args, later=later: later(args))
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    registry.acks.cache_clear()
    yield found
    registry.acks.cache_clear()


@pytest.fixture
async def stage(scene: Scene, sequencing: Any, around: Around) -> "Stage":
    made = Stage(scene, around)
    await asyncio.to_thread(made.phones_for, "owner", "admin", "member", "guest")
    return made


class Stage:
    def __init__(self, scene: Scene, around: Around) -> None:
        self.scene, self.around, self.phones = scene, around, around.phones

    def phones_for(self, *roles: str) -> None:
        for role in roles:
            register_device(actor=self.scene.team.actor(role), kind="fcm", token=role)

    def id(self, role: str) -> int:
        return self.scene.team.user_id(role)

    async def post(self, text: str, *, by: str = "owner", channel: int | None = None, **more: Any) -> Posted:
        posted = await post_message(
            actor=Principal(user_id=self.id(by)), channel_id=channel or self.scene.public, text=text, wait=True, **more
        )
        assert posted.sequenced
        return posted

    async def tell(self, text: str, *, channel: int | None = None, run: bool = True, **more: Any) -> Posted:
        """Post, and do what follows from it."""
        posted = await self.post(text, channel=channel, **more)
        await self.notify(posted, channel=channel)
        if run:
            await asyncio.to_thread(self.around.run)
        return posted

    async def delete(self, posted: Posted) -> None:
        """And the task that follows from it."""
        await delete_message(actor=self.scene.owner, message_id=posted.message_id, wait=True)
        event = {"stream": f"c:{self.scene.public}", "seq": (posted.seq or 0) + 1}
        await asyncio.to_thread(tasks.withdraw, [event])

    async def notify(self, posted: Posted, *, channel: int | None = None) -> None:
        event = {"stream": f"c:{channel or self.scene.public}", "seq": posted.seq}
        await asyncio.to_thread(tasks.notify, [event])

    async def states(self) -> dict[str, str]:
        rows = {row.user_id: row.state for row in await asyncio.to_thread(lambda: list(Notification.objects.all()))}
        return {role: rows[self.id(role)] for role in ("owner", "admin", "member", "guest") if self.id(role) in rows}


async def test_a_mention_rings_whom_it_names_once_however_often_the_task_runs(stage: Stage) -> None:
    posted = await stage.tell(f"hello @{await handle(stage, 'member')}")
    assert stage.phones.rung == ["member"]
    await stage.notify(posted)
    await asyncio.to_thread(stage.around.run)
    assert stage.phones.rung == ["member"]
    assert await stage.states() == {"member": "sent"}
    push = stage.phones.taken[0][1]
    assert push.title == "The Owner in #talk"
    assert push.body == "hello @The Member"
    assert push.data["url"] == f"/w/{stage.scene.team.id}/c/{stage.scene.public}/m/{posted.message_id}"


async def handle(stage: Stage, role: str) -> str:
    return str((await asyncio.to_thread(stage.scene.team.member, role)).handle)


async def test_channel_rings_every_other_member_and_here_only_who_is_here(stage: Stage) -> None:
    await stage.tell("@channel lunch")
    assert stage.phones.rung == ["admin", "member"]
    stage.phones.taken.clear()
    stage.around.states[stage.id("member")] = PresenceState(stage.id("member"), "away", dnd=False, active_device=False)
    await stage.tell("@here lunch")
    assert stage.phones.rung == ["member"]


async def test_a_plain_message_makes_no_task_unless_somebody_listens(stage: Stage) -> None:
    from apps.notifications.concerns import Concerns

    async def concerning(text: str, *, channel: int | None = None, **more: Any) -> bool:
        posted = await stage.post(text, channel=channel, **more)
        found = await posts.load(f"c:{channel or stage.scene.public}", posted.seq or 0)
        assert found is not None
        return bool(await asyncio.to_thread(Concerns().concerning, [found[0]]))

    assert not await concerning("plain")
    assert await concerning("@here")
    first = await stage.post("a thread")
    assert await concerning("a reply", thread_id=first.message_id)
    dm = await asyncio.to_thread(
        open_dm, actor=stage.scene.owner, workspace_id=stage.scene.team.id, user_ids=[stage.id("member")]
    )
    dm_id = dm[0].pk
    assert await concerning("hi", channel=dm_id)
    # the guest is not in this channel, so what the guest waits for does not matter here
    await asyncio.to_thread(
        change_preference, actor=stage.scene.guest, workspace_id=stage.scene.team.id, keywords=["x"]
    )
    assert not await concerning("plain")
    await asyncio.to_thread(
        change_preference, actor=stage.scene.admin, workspace_id=stage.scene.team.id, keywords=["x"]
    )
    assert await concerning("plain")
    assert await concerning("plain", channel=stage.scene.theirs)


async def test_levels_keywords_and_mutes(stage: Stage) -> None:
    workspace_id = stage.scene.team.id
    await asyncio.to_thread(change_preference, actor=stage.scene.admin, workspace_id=workspace_id, keywords=["deploy"])
    await asyncio.to_thread(
        change_channel_preference, actor=stage.scene.member, channel_id=stage.scene.public, level="all"
    )
    await stage.tell("nothing much")
    assert stage.phones.rung == ["member"]
    stage.phones.taken.clear()
    await stage.tell("Deploy is done")
    assert stage.phones.rung == ["admin", "member"]
    stage.phones.taken.clear()
    await asyncio.to_thread(
        change_channel_preference, actor=stage.scene.member, channel_id=stage.scene.public, muted=True
    )
    await stage.tell("@channel deploy")
    assert stage.phones.rung == ["admin"]


async def test_a_live_client_that_acknowledges_is_not_rung(stage: Stage) -> None:
    name = await handle(stage, "member")
    stage.around.online(stage.id("member"))
    posted = await stage.tell(f"@{name} are you there?", run=False)
    assert [task for task, _, countdown, _ in stage.around.enqueued if countdown] == ["notifications.push"]
    await registry.acks().record(stage.id("member"), {f"c:{stage.scene.public}": posted.seq or 0})
    await asyncio.to_thread(stage.around.run)
    assert stage.phones.rung == []
    assert await stage.states() == {"member": "skipped"}


async def test_a_live_client_that_does_not_acknowledge_is_rung_after_a_while_and_at_once_when_reported(
    stage: Stage,
) -> None:
    name = await handle(stage, "member")
    stage.around.online(stage.id("member"))
    await stage.tell(f"@{name} one")
    assert stage.phones.rung == ["member"]
    stage.phones.taken.clear()
    posted = await stage.tell(f"@{name} two", run=False)
    stage.around.enqueued.clear()
    await asyncio.to_thread(tasks.unacknowledged, str(stage.id("member")), f"c:{stage.scene.public}", posted.seq)
    await asyncio.to_thread(stage.around.run)
    assert stage.phones.rung == ["member"]
    assert stage.around.passed_ms < 20_000


async def test_what_is_read_is_not_rung_and_what_was_rung_is_taken_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await handle(stage, "member")
    stage.around.online(stage.id("member"))
    await stage.tell(f"@{name} one", run=False)
    stage.around.read = {stage.id("member"): 1}
    await asyncio.to_thread(stage.around.run)
    assert stage.phones.taken == []
    stage.around.states.clear()
    posted = await stage.tell(f"@{name} two")
    assert stage.phones.rung == ["member"]
    closing: list[Any] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **_: closing.append((name, *args)))
    marker = Moved(stage.id("member"), stage.scene.public, stage.scene.public, 1, 0)
    await taking_back.moved([marker])
    assert closing == []
    await taking_back.moved([marker._replace(n=2)])
    await taking_back.moved([marker._replace(n=2)])
    assert closing == [(tasks.close_shown.name, str(stage.id("member")), [str(posted.message_id)])]
    await asyncio.to_thread(tasks.close_shown, *closing[0][1:])
    assert [(push.close, push.tag) for _, push in stage.phones.taken][1:] == [(True, f"n-{posted.message_id}")]
    assert await letters(stage) == []


async def test_a_dead_token_goes_and_a_busy_service_is_tried_again_for_those_that_failed(stage: Stage) -> None:
    name = await handle(stage, "member")
    await asyncio.to_thread(register_device, actor=stage.scene.member, kind="fcm", token="tablet")
    await asyncio.to_thread(register_device, actor=stage.scene.member, kind="fcm", token="old")
    stage.phones.answers = {"member": [Outcome("later", 5.0)], "old": [Outcome("dead")]}
    await stage.tell(f"@{name}")
    assert stage.phones.rung == ["member", "tablet"]
    assert await stage.states() == {"member": "sent"}
    assert not await asyncio.to_thread(Device.objects.filter(token="old").exists)


async def test_a_service_that_stays_ill_is_given_up(stage: Stage) -> None:
    stage.phones.answers = {"member": [Outcome("later", 1.0)] * 50}
    await stage.tell(f"@{await handle(stage, 'member')}")
    assert await stage.states() == {"member": "skipped"}
    assert len(stage.phones.answers["member"]) == 50 - pushing.ATTEMPTS_MAX


@pytest.fixture
def chunks_of_one(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.BULK_PUSHES_PER_S = 0
    monkeypatch.setattr(tasks, "FEW", 0)
    monkeypatch.setattr("apps.notifications.actions.fan_out.CHUNK", 1)


@pytest.mark.usefixtures("chunks_of_one")
async def test_a_big_audience_goes_in_chunks_one_at_a_time_and_whom_it_names_first(stage: Stage) -> None:
    await stage.tell(f"@channel and @{await handle(stage, 'member')}", run=False)
    assert [(name, queue) for name, _, _, queue in stage.around.enqueued] == [
        ("notifications.push", "push"),
        ("notifications.fan_out", None),
    ]
    waiting = []
    while stage.around.enqueued:
        await asyncio.to_thread(stage.around.run_one)
        waiting.append(len(stage.around.enqueued))
    assert max(waiting) == 1
    assert [token for token, _ in stage.phones.taken] == ["member", "admin"]


@pytest.mark.usefixtures("chunks_of_one")
async def test_a_worker_that_dies_in_a_big_audience_costs_nobody_anything(stage: Stage) -> None:
    posted = await stage.tell("@channel all of you", run=False)
    _, args, *_ = stage.around.enqueued.pop()
    stage.phones.die_after = 1
    stage.around.enqueued.append(("notifications.fan_out", args, None, None))
    with pytest.raises(RuntimeError):
        await asyncio.to_thread(stage.around.run)
    stage.phones.die_after = None
    stage.around.enqueued.clear()
    # nobody goes on with it: beat does
    stage.around.passed_ms += 61_000
    await asyncio.to_thread(tasks.sweep)
    assert "notifications.fan_out" in [name for name, *_ in stage.around.enqueued]
    await asyncio.to_thread(stage.around.run)
    row = await asyncio.to_thread(FanOut.objects.get, event_id=posted.message_id)
    assert row.done
    assert stage.phones.rung == ["admin", "member"]
    assert sorted(push.quiet for _, push in stage.phones.taken) == [False, False, True]


@pytest.mark.usefixtures("chunks_of_one")
async def test_of_two_attempts_at_a_big_audience_one_goes_on(stage: Stage) -> None:
    posted = await stage.tell("@channel all of you", run=False)
    _, args, *_ = stage.around.enqueued.pop()
    loaded = await posts.load(*args)
    assert loaded is not None
    post = await asyncio.to_thread(posts.describe, *loaded)
    assert post is not None

    def other(people: Any, after: int) -> None:
        del people, after
        assert fan_out.fan_out(post=post, see_to=lambda *_: None)

    assert not await asyncio.to_thread(fan_out.fan_out, post=post, see_to=other)
    row = await asyncio.to_thread(FanOut.objects.get, event_id=posted.message_id)
    assert (row.done, row.cursor > 0) == (False, True)


async def test_a_killed_worker_leaves_at_most_one_slice_in_doubt(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "SLICE", 1)
    posted = await stage.tell("@channel", run=False)
    stage.phones.die_after = 1
    with pytest.raises(RuntimeError):
        await asyncio.to_thread(stage.around.run)
    assert sorted((await stage.states()).values()) == ["claimed", "sending"]
    stage.phones.die_after = None
    stage.around.enqueued.clear()
    stage.around.passed_ms += pushing.CLAIM_MS + 1
    assert await asyncio.to_thread(pushing.overdue) == [(stage.scene.public, posted.seq, False)]
    await asyncio.to_thread(tasks.sweep)
    await asyncio.to_thread(stage.around.run)
    assert sorted(push.quiet for _, push in stage.phones.taken) == [False, False, True]
    assert stage.phones.rung == ["admin", "member"]


async def test_what_a_dead_worker_had_in_hand_is_sent_again_quietly(stage: Stage) -> None:
    posted = await stage.tell(f"@{await handle(stage, 'member')}", run=False)
    stage.phones.die_after = 1
    with pytest.raises(RuntimeError):
        await asyncio.to_thread(stage.around.run)
    stage.phones.die_after = None
    stage.around.enqueued.clear()
    assert await stage.states() == {"member": "sending"}
    assert await asyncio.to_thread(pushing.overdue) == []
    # the broker gives the task to another worker, which waits for the claim to end
    loaded = await posts.load(f"c:{stage.scene.public}", posted.seq or 0)
    assert loaded is not None
    post = await asyncio.to_thread(posts.describe, *loaded)
    assert post is not None
    again = await asyncio.to_thread(pushing.push_due, post=post, after=0, upto=1 << 62)
    assert again.sent == 0
    assert 0 < (again.again_s or 0) <= pushing.CLAIM_MS / 1000
    stage.around.passed_ms += pushing.CLAIM_MS + 1
    assert await asyncio.to_thread(pushing.overdue) == [(stage.scene.public, posted.seq, False)]
    await asyncio.to_thread(tasks.sweep)
    await asyncio.to_thread(stage.around.run)
    assert [push.quiet for _, push in stage.phones.taken] == [False, True]
    assert len({push.tag for _, push in stage.phones.taken}) == 1
    assert await stage.states() == {"member": "sent"}


async def test_a_deleted_message_goes_from_the_devices_and_is_not_pushed_any_more(stage: Stage) -> None:
    stage.around.online(stage.id("admin"))
    posted = await stage.tell("@channel a secret", run=False)
    await asyncio.to_thread(stage.around.run_one)
    assert stage.phones.rung == ["member"]
    await stage.delete(posted)
    await asyncio.to_thread(stage.around.run)
    assert [(token, push.close) for token, push in stage.phones.taken] == [("member", False), ("member", True)]
    assert await stage.states() == {"admin": "withdrawn", "member": "withdrawn"}
    # a task that comes late finds it deleted
    await stage.notify(posted)
    await asyncio.to_thread(stage.around.run)
    assert stage.phones.rung == ["member"]
    assert await letters(stage) == []


async def test_a_push_that_is_on_its_way_while_its_message_is_deleted_is_taken_back_later(stage: Stage) -> None:
    posted = await stage.tell(f"@{await handle(stage, 'member')}", run=False)
    stage.phones.die_after = 1
    with pytest.raises(RuntimeError):
        await asyncio.to_thread(stage.around.run)
    stage.phones.die_after = None
    await stage.delete(posted)
    await asyncio.to_thread(stage.around.run_one)
    assert [countdown for _, _, countdown, _ in stage.around.enqueued] == [tasks._AGAIN_S]
    await asyncio.to_thread(lambda: Notification.objects.filter(state="sending").update(state="sent"))
    await asyncio.to_thread(stage.around.run)
    assert [push.close for _, push in stage.phones.taken] == [False, True]


async def test_a_push_is_plain_text_with_people_by_their_names(stage: Stage) -> None:
    name = await handle(stage, "member")
    await stage.tell(f"**Look** @{name}: `x < y`\n- [the plan](https://example.org/)\n> quoted")
    assert stage.phones.taken[0][1].body == "Look @The Member: x < y the plan quoted"


async def test_who_wants_no_words_on_the_lock_screen_gets_none(stage: Stage) -> None:
    await asyncio.to_thread(
        change_preference, actor=stage.scene.member, workspace_id=stage.scene.team.id, content_free=True
    )
    await stage.tell(f"@{await handle(stage, 'member')} the secret")
    push = stage.phones.taken[0][1]
    assert (push.title, push.body) == ("New message", "")


# -- letters ---------------------------------------------------------------------------------------------------------


async def letters(stage: Stage) -> list[Any]:
    stage.around.passed_ms += 16 * 60 * 1000
    await asyncio.to_thread(tasks.mail)
    await asyncio.to_thread(stage.around.run)
    return mail.outbox


async def test_what_is_unread_after_a_while_is_one_letter(stage: Stage) -> None:
    name = await handle(stage, "member")
    await stage.tell(f"@{name} first <b>")
    await stage.tell(f"@{name} second")
    assert mail.outbox == []
    (letter,) = await letters(stage)
    assert letter.subject == "2 unread messages for you in Acme"
    assert "first <b>" in letter.body
    assert "second" in letter.body
    assert "first &lt;b&gt;" in letter.alternatives[0][0]
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert len(await letters(stage)) == 1


async def test_a_digest_waits_for_its_morning(stage: Stage) -> None:
    for digest in ("monthly", "weekly"):
        change = asyncio.to_thread(
            change_preference, actor=stage.scene.member, workspace_id=stage.scene.team.id, digest=digest
        )
        if digest == "monthly":
            with pytest.raises(InvalidError):
                await change
        else:
            await change
    await stage.tell(f"@{await handle(stage, 'member')} first")
    due = await asyncio.to_thread(lambda: Notification.objects.get(user_id=stage.id("member")).mail_at)
    assert due is not None
    moment = datetime.fromtimestamp(due / 1000, UTC)
    assert (moment.weekday(), moment.hour, moment.minute) == (0, 8, 0)
    assert await letters(stage) == []
    stage.around.passed_ms += 7 * 24 * 3600 * 1000
    assert len(await letters(stage)) == 1


async def test_what_was_read_meanwhile_is_not_mailed(stage: Stage) -> None:
    name = await handle(stage, "member")
    await stage.tell(f"@{name} first")
    stage.around.read = {stage.id("member"): 1}
    await stage.tell(f"@{name} second")
    (letter,) = await letters(stage)
    assert "first" not in letter.body
    stage.around.read = {stage.id("member"): 5}
    await stage.tell(f"@{name} third")
    assert len(await letters(stage)) == 1


async def test_one_click_ends_the_letters(stage: Stage, client: Any) -> None:
    name = await handle(stage, "member")
    await stage.tell(f"@{name} first")
    (letter,) = await letters(stage)
    link = letter.extra_headers["List-Unsubscribe"].strip("<>")
    path = "/" + link.split("/", 3)[3]

    def click() -> None:
        assert client.get(path).status_code == 200
        assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
        assert client.post(path[:-3] + "abc").status_code == 404

    await asyncio.to_thread(click)
    assert unsubscribe.read("x") is None
    await stage.tell(f"@{name} second")
    assert len(await letters(stage)) == 1


async def test_followups_name_this_rooms_tasks() -> None:
    assert tasks.notify.name in followups.FOLLOWUPS["message.posted"]
    assert tasks.withdraw.name in followups.FOLLOWUPS["message.deleted"]
    assert set(followups.CONCERNING) == {tasks.notify.name}
