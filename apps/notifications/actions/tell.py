"""Decide for a page of people, and write down who is to be told: one row per event and person, however often."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from apps.accounts import queries as accounts
from apps.conversations import queries as conversations
from apps.core import clock
from apps.core.ids import new_id
from apps.messaging import queries as messaging
from apps.notifications import queries
from apps.notifications.models import Notification
from apps.notifications.policies import Circumstances, Decision, Facts, Wish, decide, keyword_hit, mail_at
from apps.notifications.posts import Post
from apps.presence import queries as presence
from apps.reads import queries as reads
from apps.workspaces import queries as workspaces

State = Notification.State
WAITING = "waiting"
_GUEST = "guest"
_SOON = "soon"


@dataclass(frozen=True)
class Told:
    """`now`, `later`: somebody is to be pushed at once, or when the time for an acknowledgement is over."""

    now: bool
    later: bool

    @property
    def any(self) -> bool:
        return self.now or self.later


def tell(*, post: Post, user_ids: Collection[int], mail_after_ms: int, unacknowledged: bool = False) -> Told:
    """At most a chunk of people. Idempotent: who has a row keeps it, but that an unacknowledged one falls due."""
    decisions, wishes = _decide(post, user_ids, unacknowledged=unacknowledged)
    moment = clock.now_ms()
    gathering = [
        user_id for user_id, decision in decisions.items() if decision.mail and wishes[user_id].digest != _SOON
    ]
    zones = {user_id: ZoneInfo(name or "UTC") for user_id, name in accounts.timezones(gathering).items()}

    def letter_at(user_id: int) -> int:
        now = datetime.fromtimestamp(moment / 1000, zones.get(user_id, UTC))
        return mail_at(wishes[user_id].digest, now=now, after_ms=mail_after_ms)

    rows = [
        Notification(
            id=new_id(),
            user_id=user_id,
            event_id=post.event_id,
            workspace_id=post.workspace_id,
            channel_id=post.channel_id,
            thread_id=post.thread_id,
            seq=post.seq,
            position=post.position,
            created_at=post.created_at,
            reason=decision.reason,
            state=State.PENDING if decision.way == "push" else State.SKIPPED,
            detail=WAITING if decision.delay_ms else "",
            due_at=moment + decision.delay_ms,
            mail_at=letter_at(user_id) if decision.mail else None,
        )
        for user_id, decision in decisions.items()
        if decision.way != "none"
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
    pushed = [decision for decision in decisions.values() if decision.way == "push"]
    if unacknowledged and pushed:
        told = [user_id for user_id, decision in decisions.items() if decision.way == "push"]
        Notification.objects.filter(event_id=post.event_id, user_id__in=told, state=State.PENDING).update(
            due_at=moment, detail=""
        )
    return Told(
        now=any(not decision.delay_ms for decision in pushed), later=any(decision.delay_ms for decision in pushed)
    )


def _decide(
    post: Post, user_ids: Collection[int], *, unacknowledged: bool
) -> tuple[dict[int, Decision], dict[int, Wish]]:
    among = conversations.members_among(post.channel_id, user_ids)
    roles = workspaces.people(post.workspace_id, among)
    people = [user_id for user_id in among if user_id in roles and user_id != post.sender_id]
    if not people:
        return {}, {}
    wishes, keywords = queries.wishes(workspace_id=post.workspace_id, channel_id=post.channel_id, user_ids=people)
    states = presence.states(people)
    if post.thread_id is None:
        read = reads.read_up_to(channel_id=post.channel_id, user_ids=people)
        follows: dict[int, bool] = {}
    else:
        read = reads.thread_read_up_to(thread_id=post.thread_id, user_ids=people)
        follows = messaging.follows_among(post.thread_id, people)
    sender = accounts.users([post.sender_id]).get(post.sender_id)
    sender_role = workspaces.role_of(post.workspace_id, post.sender_id)
    found = {}
    for user_id in people:
        facts = Facts(
            dm=post.direct,
            mention=user_id in post.mentioned,
            here=post.everybody == "here",
            channel=post.everybody == "channel",
            keyword=keyword_hit(post.text, keywords.get(user_id, ())),
            thread=post.thread_id is not None and follows.get(user_id, user_id == post.parent_sender_id),
            top_level=post.top_level,
            sender_is_bot=sender is not None and sender.is_bot,
            sender_is_guest=sender_role == _GUEST,
        )
        seen = states[user_id]
        now = Circumstances(
            state=seen.state,
            dnd=seen.dnd,
            active_device=seen.active_device,
            read=read.get(user_id, 0) >= post.position > 0,
            unacknowledged=unacknowledged,
        )
        found[user_id] = decide(facts, wishes[user_id], now)
    return found, wishes
