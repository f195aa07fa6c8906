"""Push what is due, take back what was read.

Rows are claimed a group at a time and sent in slices. Just before a slice goes its rows are `sending`, right after it
they are what came of them. So a worker that dies leaves at most one slice of which nobody knows what was sent. After
CLAIM_MS that slice is sent again, quietly and under the same tag: a device may get one twice and rings once. What the
dead worker had only claimed was never sent, and rings as it should.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import F, Q

from apps.accounts import queries as accounts
from apps.core import background, clock
from apps.notifications import metrics, queries, registry
from apps.notifications.actions.tell import WAITING
from apps.notifications.models import Device, FanOut, Notification
from apps.notifications.pacing import Pace
from apps.notifications.policies import WATCHED
from apps.notifications.ports import Outcome, Push, Target
from apps.notifications.posts import Post
from apps.presence import queries as presence
from apps.reads import queries as reads

State = Notification.State
UNFINISHED = [State.PENDING, State.CLAIMED, State.SENDING]
GROUP = 256
# How many may be pushed twice when a worker is killed.
SLICE = 16
# Longer than a slice can take; a claim is renewed slice by slice.
CLAIM_MS = 30_000
_RENEW_MS = 3_000
ATTEMPTS_MAX = 6
BACKOFF_MAX_S = 120.0
BODY_MAX = 200
_AT_ONCE = SLICE
_DEADLINE_S = 25.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pushed:
    """`again_s`: seconds until the rest is worth another try; None when there is none."""

    sent: int
    again_s: float | None


def push_due(*, post: Post, after: int, upto: int, pace: Pace | None = None) -> Pushed:
    """Those with user ids above `after`, up to `upto`, whose time has come. With a `pace` each slice waits its turn."""
    sent, again_s = 0, None
    sender = accounts.users([post.sender_id]).get(post.sender_id)
    name = sender.name if sender is not None else "Somebody"
    while rows := _claim(post.event_id, after, upto):
        marked = _sending(rows)
        rows = _still_wanted(post, rows)
        outcomes = _send_group(post, name, rows, marked=marked, pace=pace)
        sent += sum(1 for row in rows if row.state == State.SENT)
        waits = [outcome.retry_after_s for outcome in outcomes if outcome.kind == "later"]
        if waits:
            again_s = max(again_s or 0.0, *waits)
    if again_s is None and (due := _next_due(post.event_id, after, upto)) is not None:
        again_s = max(1.0, (due - clock.now_ms()) / 1000)
    return Pushed(sent, None if again_s is None else min(again_s, BACKOFF_MAX_S))


def close_shown(*, user_id: int, event_ids: Sequence[int]) -> None:
    """Tell the person's devices that these notifications may go. Best effort: it is worth one try."""
    devices = queries.devices_of([user_id]).get(user_id, [])
    jobs = [(device, Push(tag=tag_of(event_id), close=True)) for device in devices for event_id in event_ids]
    if jobs:
        _prune(background.run(_send_all(jobs), timeout_s=_DEADLINE_S))


def withdraw(*, event_id: int, pace: Pace | None = None) -> bool:
    """Its message was deleted: who was not told yet is not, and from the devices that show it it goes.

    Whether another worker has some in hand, so that this is to be called again.
    """
    rows = Notification.objects.filter(event_id=event_id)
    rows.filter(Q(state__in=[State.PENDING, State.CLAIMED]) | Q(mail_at__isnull=False)).update(mail_at=None)
    rows.filter(state__in=[State.PENDING, State.CLAIMED]).update(state=State.WITHDRAWN, detail="deleted")
    close = Push(tag=tag_of(event_id), close=True)
    while some := list(rows.filter(state=State.SENT).order_by("user_id").values_list("id", "user_id")[:GROUP]):
        devices = queries.devices_of([user_id for _, user_id in some])
        for start in range(0, len(some), SLICE):
            few = some[start : start + SLICE]
            if pace is not None:
                pace.turn()
            jobs = [(device, close) for _, user_id in few for device in devices.get(user_id, ())]
            with pace.timed() if pace is not None else nullcontext():
                rows.filter(id__in=[row_id for row_id, _ in few]).update(state=State.WITHDRAWN, detail="deleted")
            _prune(background.run(_send_all(jobs), timeout_s=_DEADLINE_S))
    return rows.filter(state=State.SENDING).exists()


def told(event_id: int) -> int:
    """How many rows there are of it."""
    return Notification.objects.filter(event_id=event_id).count()


def send_test(*, user_id: int) -> int:
    """A push that says that pushes arrive. Returns how many devices took it."""
    devices = queries.devices_of([user_id]).get(user_id, [])
    push = Push(tag="test", title="slackclone", body="Notifications arrive on this device.", data={"url": "/"})
    results = background.run(_send_all([(device, push) for device in devices]), timeout_s=_DEADLINE_S)
    _prune(results)
    return sum(1 for _, outcome in results if outcome.kind == "taken")


def tag_of(event_id: int) -> str:
    return f"n-{event_id}"


def overdue(*, limit: int = 1_000) -> list[tuple[int, int, bool]]:
    """(channel id, seq, whether to many) of events with rows that nobody has seen to: a lost task, a killed worker."""
    before = clock.now_ms() - CLAIM_MS
    lost = Notification.objects.filter(state=State.SENDING, due_at__lt=before, attempts__gte=ATTEMPTS_MAX)
    lost.update(state=State.SKIPPED, detail="failed")
    rows = Notification.objects.filter(state__in=UNFINISHED, due_at__lt=before)
    found = list(rows.order_by().values_list("event_id", "channel_id", "seq").distinct()[:limit])
    many = set(FanOut.objects.filter(event_id__in=[each[0] for each in found]).values_list("event_id", flat=True))
    return [(channel_id, seq, event_id in many) for event_id, channel_id, seq in found]


def purge(*, before_ms: int, limit: int = 20_000) -> int:
    ids = list(Notification.objects.filter(created_at__lt=before_ms).values_list("id", flat=True)[:limit])
    return Notification.objects.filter(id__in=ids).delete()[0]


# -- one group -------------------------------------------------------------------------------------------------------


def _due(event_id: int, after: int, upto: int) -> Q:
    return Q(event_id=event_id, user_id__gt=after, user_id__lte=upto)


def _next_due(event_id: int, after: int, upto: int) -> int | None:
    """When the first of those that are left may be claimed; what another worker has in hand, when its claim ends."""
    rows = Notification.objects.filter(_due(event_id, after, upto), state__in=UNFINISHED).order_by("due_at")
    pending = rows.filter(state=State.PENDING).values_list("due_at", flat=True).first()
    held = rows.exclude(state=State.PENDING).values_list("due_at", flat=True).first()
    found = [pending] if pending is not None else []
    return min([*found, held + CLAIM_MS] if held is not None else found, default=None)


def _claim(event_id: int, after: int, upto: int) -> list[Notification]:
    """Ours from here on, the first slice of them for sending. One that is `sending` already may have been sent."""
    moment = clock.now_ms()
    lapsed = Q(state__in=[State.CLAIMED, State.SENDING], due_at__lte=moment - CLAIM_MS)
    ready = Q(state=State.PENDING, due_at__lte=moment) | lapsed
    with transaction.atomic():
        rows = list(
            Notification.objects.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
            .filter(_due(event_id, after, upto) & ready)
            .order_by("user_id")[:GROUP]
        )
        sending = _sending(rows)
        again = {row.pk for row in rows if row.state == State.SENDING}
        for some, changes in (
            (sending - again, {"state": State.SENDING}),
            ({row.pk for row in rows} - sending, {"state": State.CLAIMED}),
            (again, {"attempts": F("attempts") + 1}),
        ):
            if some:
                Notification.objects.filter(id__in=some).update(due_at=moment, **changes)
    return rows


def _sending(rows: Sequence[Notification]) -> set[int]:
    """Of the rows just claimed those that are `sending`: the first slice, and what lapsed as that."""
    return {row.pk for index, row in enumerate(rows) if index < SLICE or row.state == State.SENDING}


def _still_wanted(post: Post, rows: Sequence[Notification]) -> list[Notification]:
    """Without those who read it meanwhile, or whose live client acknowledged it."""
    ids = [row.user_id for row in rows]
    if post.thread_id is None:
        read = reads.read_up_to(channel_id=post.channel_id, user_ids=ids)
    else:
        read = reads.thread_read_up_to(thread_id=post.thread_id, user_ids=ids)
    waited = [row for row in rows if row.detail == WAITING]
    acked = registry.acks().acked_many([row.user_id for row in waited], post.stream) if waited else {}
    unwatched = [row.user_id for row in waited if row.reason not in WATCHED]
    here = presence.states(unwatched) if unwatched else {}
    over: dict[str, list[int]] = {"read": [], "acked": [], "online": []}
    left = []
    for row in rows:
        if read.get(row.user_id, 0) >= post.position:
            over["read"].append(row.pk)
        elif row.detail == WAITING and acked.get(row.user_id, 0) >= post.seq:
            over["acked"].append(row.pk)
        elif row.detail == WAITING and (seen := here.get(row.user_id)) is not None and seen.state == "online":
            over["online"].append(row.pk)
        else:
            left.append(row)
    for why, row_ids in over.items():
        if row_ids:
            changes = {"mail_at": None} if why == "read" else {}
            Notification.objects.filter(id__in=row_ids).update(state=State.SKIPPED, detail=why, **changes)
    return left


def _send_group(
    post: Post, sender: str, rows: Sequence[Notification], *, marked: Collection[int], pace: Pace | None
) -> list[Outcome]:
    """`marked`: the ids of those that are `sending` already."""
    outcomes: list[Outcome] = []
    if not rows:
        return outcomes
    ids = [row.user_id for row in rows]
    devices = queries.devices_of(ids)
    wordless = queries.content_free(workspace_id=post.workspace_id, user_ids=ids)
    claimed_at = clock.now_ms()
    left = {row.pk for row in rows}.difference(marked)
    for start in range(0, len(rows), SLICE):
        few = rows[start : start + SLICE]
        if pace is not None:
            pace.turn()
        if left and clock.now_ms() - claimed_at > _RENEW_MS:
            claimed_at = clock.now_ms()
            Notification.objects.filter(id__in=left, state=State.CLAIMED).update(due_at=claimed_at)
        unmarked = {row.pk for row in few} & left
        if unmarked:
            Notification.objects.filter(id__in=unmarked).update(state=State.SENDING, due_at=clock.now_ms())
            left -= unmarked
        jobs = []
        for row in few:
            push = _push(post, sender, wordless=row.user_id in wordless, quiet=row.state == State.SENDING)
            jobs += [(device, push) for device in devices.get(row.user_id, ()) if str(device.pk) not in row.devices]
        results = background.run(_send_all(jobs), timeout_s=_DEADLINE_S)
        with pace.timed() if pace is not None else nullcontext():
            _settle(few, results, {row.user_id for row in few if devices.get(row.user_id)})
        _prune(results)
        outcomes += [outcome for _, outcome in results]
    return outcomes


def _push(post: Post, sender: str, *, wordless: bool, quiet: bool) -> Push:
    place = f"#{post.channel_name}" if post.channel_name else ""
    title = "New message" if wordless else f"{sender} in {place}" if place else sender
    data = {
        "workspace_id": str(post.workspace_id),
        "channel_id": str(post.channel_id),
        "message_id": str(post.event_id),
        "thread_id": "" if post.thread_id is None else str(post.thread_id),
        "url": post.path,
    }
    return Push(tag_of(post.event_id), title, "" if wordless else _short(post.plain), data, quiet=quiet)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= BODY_MAX else line[: BODY_MAX - 1] + "…"


async def _send_all(jobs: Iterable[tuple[Device, Push]]) -> list[tuple[Device, Outcome]]:
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(device: Device, push: Push) -> tuple[Device, Outcome]:
        async with limit:
            target = Target(device.token, device.p256dh, device.auth)
            outcome = await registry.pushers()[device.kind].send(target, push)
            metrics.PUSHES.labels(device.kind, outcome.kind).inc()
            if outcome.kind == "refused":
                _log.warning("a push was refused by %s: %s", device.kind, outcome.detail)
            return device, outcome

    return await asyncio.gather(*(one(*job) for job in jobs))


def _prune(results: Iterable[tuple[Device, Outcome]]) -> None:
    dead = [device.pk for device, outcome in results if outcome.kind == "dead"]
    if dead:
        Device.objects.filter(id__in=dead).delete()


def _settle(
    rows: Sequence[Notification], results: Sequence[tuple[Device, Outcome]], reachable: Collection[int]
) -> None:
    by_user: dict[int, list[tuple[Device, Outcome]]] = {}
    for device, outcome in results:
        by_user.setdefault(device.user_id, []).append((device, outcome))
    moment = clock.now_ms()
    ended: dict[tuple[str, str], list[int]] = {}
    again = []
    for row in rows:
        mine = by_user.get(row.user_id, [])
        taken = [str(device.pk) for device, outcome in mine if outcome.kind == "taken"]
        later = [outcome.retry_after_s for _, outcome in mine if outcome.kind == "later"]
        if later and row.attempts + 1 < ATTEMPTS_MAX:
            wait_s = min(max(*later, 2.0 ** (row.attempts + 1)), BACKOFF_MAX_S)
            row.devices, row.due_at = row.devices + taken, moment + int(wait_s * 1000)
            row.state, row.detail, row.attempts = State.PENDING, "retry", row.attempts + 1
            again.append(row)
        elif taken or row.devices:
            row.state = State.SENT
            ended.setdefault((row.state, ""), []).append(row.pk)
        else:
            row.state = State.SKIPPED
            why = "failed" if row.user_id in reachable else "no_device"
            ended.setdefault((row.state, why), []).append(row.pk)
    for (state, why), row_ids in ended.items():
        Notification.objects.filter(id__in=row_ids).update(state=state, detail=why)
    if again:
        Notification.objects.bulk_update(again, ["devices", "due_at", "state", "detail", "attempts"])
