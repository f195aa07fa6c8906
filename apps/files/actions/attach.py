"""What a message does to files: its post attaches or forwards them, its deletion withdraws them."""

from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Count, Q

from apps.accounts.principal import Principal
from apps.core.errors import ConflictError, InvalidError
from apps.files import parts
from apps.files.models import File, Forward, State

PER_MESSAGE_MAX = 10
FORWARDS_MAX = 1000  # of one file


def attach_files(
    *, actor: Principal, file_ids: Sequence[int], workspace_id: int, channel_id: int, message_id: int, claim: str
) -> list[File]:
    """The actor's own complete uploads, in this order, are the message's from now on.

    The same post may come again, under the same `claim`. Raises InvalidError, and then none is attached.
    """
    if len(set(file_ids)) != len(file_ids) or len(file_ids) > PER_MESSAGE_MAX:
        raise InvalidError(errors={"file_ids": [f"At most {PER_MESSAGE_MAX} different files."]})
    with transaction.atomic():
        rows = File.objects.filter(
            Q(channel_id=None) | Q(claim=claim, channel_id=channel_id),
            id__in=file_ids,
            owner_id=actor.user_id,
            workspace_id=workspace_id,
            state=State.READY,
        )
        rows.update(channel_id=channel_id, message_id=message_id, claim=claim)
        found = {
            row.pk: row
            for row in File.objects.filter(id__in=file_ids, claim=claim, channel_id=channel_id, state=State.READY)
        }
        if len(found) != len(file_ids):
            # raised inside of the transaction: none is attached
            raise InvalidError(errors={"file_ids": ["Not a complete upload of yours, or another message has it."]})
    return [found[file_id] for file_id in file_ids]


def forward_files(
    *, file_ids: Sequence[int], workspace_id: int, channel_id: int, message_id: int, claim: str
) -> set[int]:
    """A message elsewhere shows them too, which its author may read where they are. Returns those that are there still.

    Raises ConflictError when one of them was forwarded too often, and then none is.
    """
    with transaction.atomic():
        there = File.objects.select_for_update().filter(
            id__in=file_ids, workspace_id=workspace_id, state=State.READY, channel_id__isnull=False
        )
        found = set(there.values_list("id", flat=True))
        often = Forward.objects.filter(file_id__in=found).values("file_id").annotate(n=Count("id"))
        if often.filter(n__gte=FORWARDS_MAX).exists():
            raise ConflictError(f"A file is forwarded at most {FORWARDS_MAX} times.")
        Forward.objects.bulk_create(
            [
                Forward(file_id=file_id, channel_id=channel_id, message_id=message_id, claim=claim)
                for file_id in sorted(found)
            ],
            ignore_conflicts=True,
        )
    return found


def settle_files(*, file_ids: Collection[int], message_id: int) -> None:
    """A post that repeated an earlier one became that one."""
    File.objects.filter(id__in=file_ids).update(message_id=message_id)


def settle_forward(*, repeat_id: int, message_id: int | None) -> None:
    """A forward that repeated an earlier one became that one, or nothing where that one was deleted."""
    rows = Forward.objects.filter(message_id=repeat_id)
    if message_id is None:
        rows.delete()
    else:
        rows.update(message_id=message_id)


def withdraw_files(*, file_ids: Collection[int], channel_id: int, claim: str) -> None:
    """The message that had them under `claim` was deleted. What no other message shows is nobody's any more."""
    gone = []
    with transaction.atomic():
        Forward.objects.filter(file_id__in=file_ids, channel_id=channel_id, claim=claim).delete()
        theirs = File.objects.select_for_update().filter(id__in=file_ids, channel_id=channel_id, claim=claim)
        for row in theirs.order_by("id"):
            heir = Forward.objects.filter(file=row).order_by("id").first()
            if heir is None:
                row.state = State.GONE
                gone.append(row)
            else:
                row.channel_id, row.message_id, row.claim = heir.channel_id, heir.message_id, heir.claim
                heir.delete()
            row.save(update_fields=["state", "channel_id", "message_id", "claim"])
    for row in gone:
        parts.remove(workspace_id=row.workspace_id, file_id=row.pk, size=row.size)
