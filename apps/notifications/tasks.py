"""Celery's door to this room. Every task may run twice, in any order, on any worker.

Each kind of work has a queue of its own, so that none waits behind another: notify decides about messages, push sends
to few, bulk to many, mail writes letters. Of what goes to many only one chunk is in the queue at a time: the next one
is enqueued when it is done, behind whatever came meanwhile.
"""

from collections.abc import Sequence
from typing import Any

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError

from apps.core import background
from apps.core.clock import now_ms
from apps.core.errors import UnavailableError
from apps.eventlog import streams
from apps.messaging.ports import StoreUnavailableError
from apps.notifications import pacing, posts
from apps.notifications.actions import fan_out as fanning
from apps.notifications.actions import push as pushing
from apps.notifications.actions import send_mail as mailing
from apps.notifications.actions.tell import tell
from apps.notifications.deadtasks import Recorded
from apps.notifications.policies import ACK_WAIT_MS
from apps.notifications.posts import Post

# More people than this are seen to by the workers for bulk.
FEW = 100
_LOAD_S = 30.0
_RETRIES = 12
_RETRY = {
    "base": Recorded,
    "autoretry_for": (
        OperationalError,
        InterfaceError,
        StoreUnavailableError,
        UnavailableError,
        BrokerError,
        OSError,
        TimeoutError,
        SoftTimeLimitExceeded,
    ),
    "retry_backoff": 1,
    "retry_backoff_max": 60,
    "retry_jitter": True,
    "max_retries": _RETRIES,
    "acks_late": True,
    "reject_on_worker_lost": True,
}
# A moment later than the gateway's own deadline, so that its report comes first.
_RECHECK_S = ACK_WAIT_MS / 1000 + 1
_AGAIN_S = 5.0
_KEPT_MS = 30 * 24 * 3600 * 1000


@shared_task(name="notifications.notify", **_RETRY)  # type: ignore[untyped-decorator]
def notify(events: Sequence[dict[str, Any]]) -> None:
    """Posts were sequenced. Each is {stream, seq, …}; whom they name is seen to here, many others in chunks."""
    for event in events:
        post = _load(event["stream"], int(event["seq"]))
        if post is None:
            continue
        people = posts.audience(post, after=0)
        if len(people) <= FEW:
            _tell(post, people, after=0)
        else:
            _tell(post, sorted(post.mentioned), after=0)
            fan_out.delay(post.stream, post.seq)


@shared_task(name="notifications.fan_out", **_RETRY)  # type: ignore[untyped-decorator]
def fan_out(stream: str, seq: int) -> None:
    post = _load(stream, seq)
    if post is not None and fanning.fan_out(post=post, see_to=lambda people, after: _see_to(post, people, after)):
        fan_out.delay(stream, seq)


def _see_to(post: Post, people: Sequence[int], after: int) -> None:
    if tell(post=post, user_ids=people, mail_after_ms=_mail_after_ms()).any:
        push(post.stream, post.seq, str(after), str(people[-1]), "bulk")


@shared_task(name="notifications.push", **_RETRY)  # type: ignore[untyped-decorator]
def push(stream: str, seq: int, after: str, upto: str, queue: str = "push") -> None:
    post = _load(stream, seq, deleted=True)
    if post is None:
        return
    if post.deleted:
        take_back.apply_async((str(post.event_id), queue), queue=queue)
        return
    pace = pacing.of_thread(pushing.SLICE) if queue == "bulk" else None
    pushed = pushing.push_due(post=post, after=int(after), upto=int(upto), pace=pace)
    if pushed.again_s is not None:
        push.apply_async((stream, seq, after, upto, queue), countdown=pushed.again_s, queue=queue)


@shared_task(name="notifications.unacknowledged", **_RETRY)  # type: ignore[untyped-decorator]
def unacknowledged(user_id: str, stream: str, seq: int) -> None:
    """No live client of theirs acknowledged it: it goes out at once."""
    post = _load(stream, seq)
    if (
        post is not None
        and tell(post=post, user_ids=[int(user_id)], mail_after_ms=_mail_after_ms(), unacknowledged=True).now
    ):
        push.apply_async((stream, seq, str(int(user_id) - 1), user_id))


@shared_task(name="notifications.close_shown", **_RETRY)  # type: ignore[untyped-decorator]
def close_shown(user_id: str, event_ids: Sequence[str]) -> None:
    pushing.close_shown(user_id=int(user_id), event_ids=[int(event_id) for event_id in event_ids])


@shared_task(name="notifications.withdraw", **_RETRY)  # type: ignore[untyped-decorator]
def withdraw(events: Sequence[dict[str, Any]]) -> None:
    """Messages were deleted. Each is {stream, seq, …} of the deletion."""
    for event in events:
        deleted = posts.deleted_by(event["stream"], int(event["seq"]))
        message_id = background.run(deleted, timeout_s=_LOAD_S)
        if message_id is not None and (people := pushing.told(message_id)):
            queue = "push" if people <= FEW else "bulk"
            take_back.apply_async((str(message_id), queue), queue=queue)


@shared_task(name="notifications.take_back", **_RETRY)  # type: ignore[untyped-decorator]
def take_back(message_id: str, queue: str = "push") -> None:
    pace = pacing.of_thread(pushing.SLICE) if queue == "bulk" else None
    if pushing.withdraw(event_id=int(message_id), pace=pace):
        take_back.apply_async((message_id, queue), queue=queue, countdown=_AGAIN_S)


@shared_task(name="notifications.send_test", base=Recorded)  # type: ignore[untyped-decorator]
def send_test(user_id: str) -> None:
    pushing.send_test(user_id=int(user_id))


@shared_task(name="notifications.mail", base=Recorded)  # type: ignore[untyped-decorator]
def mail() -> None:
    """For beat: letters that are due, each a task of its own."""
    for user_id, workspace_id in mailing.due_letters():
        write_letter.delay(str(user_id), str(workspace_id))


@shared_task(name="notifications.write_letter", **_RETRY)  # type: ignore[untyped-decorator]
def write_letter(user_id: str, workspace_id: str) -> None:
    mailing.write_letter(user_id=int(user_id), workspace_id=int(workspace_id))


@shared_task(name="notifications.sweep", base=Recorded)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """For beat: what a lost task or a killed worker left is taken up again; what is old is forgotten."""
    for channel_id, seq, many in pushing.overdue():
        queue = "bulk" if many else "push"
        push.apply_async((streams.channel(channel_id), seq, "0", str(1 << 62), queue), queue=queue)
    for channel_id, seq in fanning.stale():
        fan_out.delay(streams.channel(channel_id), seq)
    pushing.purge(before_ms=now_ms() - _KEPT_MS)


def _load(stream: str, seq: int, *, deleted: bool = False) -> Post | None:
    """None also when the message is deleted by now, unless that is asked for."""
    found = background.run(posts.load(stream, seq), timeout_s=_LOAD_S)
    post = None if found is None else posts.describe(*found)
    return post if post is None or deleted or not post.deleted else None


def _tell(post: Post, people: Sequence[int], *, after: int) -> None:
    if not people:
        return
    told = tell(post=post, user_ids=people, mail_after_ms=_mail_after_ms())
    args = (post.stream, post.seq, str(after), str(people[-1]), "push")
    if told.now:
        push.apply_async(args, queue="push")
    if told.later:
        push.apply_async(args, queue="push", countdown=_RECHECK_S)


def _mail_after_ms() -> int:
    return int(settings.MAIL_AFTER_S * 1000)
