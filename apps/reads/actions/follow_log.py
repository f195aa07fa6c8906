"""What the read service writes: one transaction for a batch of the log, and the same again when it is repeated."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Count, Exists, OuterRef

from apps.core import ids
from apps.reads import places
from apps.reads.models import BLOCK, ChannelMention, DeletedBlock, Marker, Mention, ReactionNote, ThreadReplies
from apps.reads.moves import WAS_HERE, Move, Moved, write

minted_at = ids.timestamp_ms
MENTIONS_MAX = 5_000
PRUNED_MAX = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A message as the store shows it: whom it names (the sender apart), or that it is deleted."""

    message_id: int
    workspace_id: int
    channel_id: int
    scope_id: int
    n: int
    sender_id: int
    deleted: bool
    named: frozenset[int]
    to_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """`stands`: it is there, and by somebody else than the author `user_id`."""

    user_id: int
    workspace_id: int
    channel_id: int
    message_id: int
    reactor_id: int
    emoji: str
    at: int
    stands: bool


@dataclass
class Seen:
    """`replies`: (thread id, channel id, workspace id, replies ever)."""

    was_here: list[Move] = field(default_factory=list)
    replies: list[tuple[int, int, int, int]] = field(default_factory=list)
    standings: list[Standing] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.was_here or self.replies or self.standings or self.reactions)


def write_seen(seen: Seen) -> list[Moved]:
    """The markers that moved. Blocks."""
    with transaction.atomic():
        for thread_id, channel_id, workspace_id, count in sorted(seen.replies):
            row, new = ThreadReplies.objects.get_or_create(
                thread_id=thread_id, defaults={"channel_id": channel_id, "workspace_id": workspace_id, "count": count}
            )
            if not new and row.count < count:
                ThreadReplies.objects.filter(thread_id=thread_id, count__lt=count).update(count=count)
        for standing in seen.standings:
            _write_standing(standing)
        _write_reactions(seen.reactions)
        return write(_newest(seen.was_here), WAS_HERE)


def prune_activity(*, before_ms: int) -> int:
    """Forget reactions that are older; returns how many."""
    deleted, _ = ReactionNote.objects.filter(created_at__lt=before_ms).delete()
    return deleted


def prune_mentions(*, before_ms: int, each_max: int = MENTIONS_MAX, limit: int = PRUNED_MAX) -> int:
    """Mentions that were read go with age, and above `each_max` of a person. Unread ones are counted, so they stay.

    At most `limit` of either kind at once; how many went.
    """
    read = Marker.objects.filter(user_id=OuterRef("user_id"), scope_id=OuterRef("scope_id"), n__gte=OuterRef("n"))
    over = Mention.objects.filter(Exists(read))
    old = over.filter(message_id__lt=ids.first_of(before_ms)).order_by("message_id").values_list("id", flat=True)
    gone, _ = Mention.objects.filter(id__in=list(old[:limit])).delete()
    many = Mention.objects.values("user_id").annotate(count=Count("id")).filter(count__gt=each_max)
    for row in many.order_by("user_id")[:limit]:
        oldest = over.filter(user_id=row["user_id"]).order_by("message_id").values_list("id", flat=True)
        some = list(oldest[: min(limit, row["count"] - each_max)])
        gone += Mention.objects.filter(id__in=some).delete()[0]
    return gone


def _write_standing(standing: Standing) -> None:
    named: frozenset[int] = frozenset() if standing.deleted else standing.named
    to_all = standing.to_all and not standing.deleted
    Mention.objects.filter(message_id=standing.message_id).exclude(user_id__in=named).delete()
    rows = [
        Mention(
            user_id=user_id,
            message_id=standing.message_id,
            workspace_id=standing.workspace_id,
            channel_id=standing.channel_id,
            scope_id=standing.scope_id,
            n=standing.n,
            counted=not to_all,
        )
        for user_id in sorted(named)
    ]
    Mention.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["message_id", "user_id"], update_fields=["counted"]
    )
    if to_all:
        ChannelMention.objects.bulk_create(
            [
                ChannelMention(
                    message_id=standing.message_id,
                    workspace_id=standing.workspace_id,
                    channel_id=standing.channel_id,
                    scope_id=standing.scope_id,
                    n=standing.n,
                    sender_id=standing.sender_id,
                )
            ],
            ignore_conflicts=True,
        )
    else:
        ChannelMention.objects.filter(message_id=standing.message_id).delete()
    if standing.deleted:
        ReactionNote.objects.filter(message_id=standing.message_id).delete()
        if standing.n > 0:
            _write_deleted(standing.scope_id, standing.n)


def _write_deleted(scope_id: int, place: int) -> None:
    block, _ = DeletedBlock.objects.select_for_update().get_or_create(
        scope_id=scope_id, block=places.block_of(place), defaults={"bits": bytes(BLOCK // 8)}
    )
    bits = places.with_bit(bytes(block.bits), place)
    if bits != bytes(block.bits):
        DeletedBlock.objects.filter(pk=block.pk).update(bits=bits)


def _write_reactions(reactions: Sequence[Reaction]) -> None:
    for gone in (one for one in reactions if not one.stands):
        ReactionNote.objects.filter(message_id=gone.message_id, reactor_id=gone.reactor_id, emoji=gone.emoji).delete()
    ReactionNote.objects.bulk_create(
        [
            ReactionNote(
                user_id=one.user_id,
                workspace_id=one.workspace_id,
                channel_id=one.channel_id,
                message_id=one.message_id,
                reactor_id=one.reactor_id,
                emoji=one.emoji,
                created_at=one.at,
            )
            for one in reactions
            if one.stands
        ],
        ignore_conflicts=True,
    )


def _newest(moves: Sequence[Move]) -> list[Move]:
    found: dict[tuple[int, int], Move] = {}
    for move in moves:
        held = found.get((move.user_id, move.scope_id))
        if held is None or move.n > held.n:
            found[move.user_id, move.scope_id] = move
    return list(found.values())
