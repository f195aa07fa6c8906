"""What a message does to files: its post attaches them, its deletion withdraws them."""

from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Q

from apps.accounts.principal import Principal
from apps.core.errors import InvalidError
from apps.files import parts
from apps.files.models import File, State

PER_MESSAGE_MAX = 10


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


def settle_files(*, file_ids: Collection[int], message_id: int) -> None:
    """A post that repeated an earlier one became that one."""
    File.objects.filter(id__in=file_ids).update(message_id=message_id)


def withdraw_files(*, file_ids: Collection[int]) -> None:
    """Their message was deleted: nobody gets them any more, and their bytes go."""
    rows = File.objects.filter(id__in=file_ids)
    rows.update(state=State.GONE)
    for row in rows:
        parts.remove(workspace_id=row.workspace_id, file_id=row.pk, size=row.size)
