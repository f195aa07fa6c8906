"""Channels of every kind, and who is in them."""

from django.conf import settings
from django.db import models

from apps.core.clock import now
from apps.core.ids import new_id
from apps.workspaces.models import Workspace

NAME_MAX = 80
TEXT_MAX = 250
DM_MAX = 8  # people in a group DM, the one who opens it included
_ID_DIGITS = 19


class Kind(models.TextChoices):
    PUBLIC = "public"
    PRIVATE = "private"
    DM = "dm"
    GROUP_DM = "group_dm"


class Posting(models.TextChoices):
    EVERYONE = "everyone"
    ADMINS = "admins"


class Channel(models.Model):
    """`name` is in its folded form (see names.py) and null for DMs; `dm_key` holds the member ids of a DM, sorted.

    member_count     kept in the transaction that changes a membership
    members_version  grows by one with each such transaction: what caches compare
    is_general       everyone is in it, nobody leaves it, it is never archived
    is_default       new members of the workspace join it
    posting          who may post at top level: with ADMINS it is for announcements
    """

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=8, choices=Kind)
    name = models.CharField(max_length=NAME_MAX, null=True)
    topic = models.CharField(max_length=TEXT_MAX, blank=True, default="")
    purpose = models.CharField(max_length=TEXT_MAX, blank=True, default="")
    archived_at = models.DateTimeField(null=True)
    creator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    dm_key = models.CharField(max_length=DM_MAX * (_ID_DIGITS + 1), null=True)
    member_count = models.PositiveIntegerField(default=0)
    members_version = models.PositiveBigIntegerField(default=0)
    is_general = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    posting = models.CharField(max_length=8, choices=Posting, default=Posting.EVERYONE)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="channel_name_once_a_workspace"),
            models.UniqueConstraint(fields=["workspace", "dm_key"], name="channel_dm_once_a_workspace"),
            models.CheckConstraint(
                condition=(
                    models.Q(kind__in=["public", "private"], name__isnull=False, dm_key__isnull=True)
                    | models.Q(kind__in=["dm", "group_dm"], name__isnull=True, dm_key__isnull=False)
                ),
                name="channel_named_or_dm",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "kind", "name", "id"], name="channel_browse")]

    def __str__(self) -> str:
        return f"#{self.name}" if self.name else f"{self.kind} {self.pk}"

    @property
    def is_dm(self) -> bool:
        return self.dm_key is not None

    @property
    def dm_user_ids(self) -> list[int]:
        return [int(part) for part in (self.dm_key or "").split("-") if part]


class Membership(models.Model):
    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="channel_memberships")
    joined_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "user"], name="membership_once")]
        indexes = [models.Index(fields=["user", "channel"], name="membership_of_user")]

    def __str__(self) -> str:
        return f"user {self.user_id} in channel {self.channel_id}"
