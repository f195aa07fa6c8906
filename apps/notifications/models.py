"""What people want to hear of, on which devices, and what each was told. No row here is on the way of a message."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.core.clock import now
from apps.core.ids import new_id
from apps.notifications.sizes import DEVICE_NAME_MAX, KEY_MAX


class Level(models.TextChoices):
    ALL = "all"
    MENTIONS = "mentions"
    NOTHING = "nothing"


class Digest(models.TextChoices):
    """When what was missed is mailed: a while after it, or gathered to the next morning or Monday morning."""

    SOON = "soon"
    DAILY = "daily"
    WEEKLY = "weekly"


class Device(models.Model):
    """Where a person is reached while away. `token` is a Web Push endpoint, or what FCM or APNs names the device by.

    `token_hash` makes it unique whatever its length. It goes with the session that registered it.
    """

    class Kind(models.TextChoices):
        WEBPUSH = "webpush"
        FCM = "fcm"
        APNS = "apns"

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session = models.ForeignKey("accounts.AuthSession", on_delete=models.CASCADE, null=True, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind)
    token = models.TextField()
    token_hash = models.CharField(max_length=64, unique=True)
    p256dh = models.CharField(max_length=KEY_MAX, blank=True)
    auth = models.CharField(max_length=KEY_MAX, blank=True)
    name = models.CharField(max_length=DEVICE_NAME_MAX, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    last_seen_at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Preference(models.Model):
    """What a person wants of a workspace. `wide`: also of messages that name nobody (level all, or keywords)."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="+")
    level = models.CharField(max_length=8, choices=Level, default=Level.MENTIONS)
    keywords: "models.JSONField[list[str], list[str]]" = models.JSONField(default=list)
    wide = models.BooleanField(default=False)
    email = models.BooleanField(default=True)
    digest = models.CharField(max_length=6, choices=Digest, default=Digest.SOON)
    content_free = models.BooleanField(default=False)
    sound = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "workspace"], name="preference_once")]
        indexes = [models.Index(fields=["workspace", "user"], condition=Q(wide=True), name="preference_wide")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.workspace_id}: {self.level}"


class ChannelPreference(models.Model):
    """What differs for a channel. `level` None: as in the workspace. Muted for good, or until then."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="+")
    channel = models.ForeignKey("conversations.Channel", on_delete=models.CASCADE, related_name="+")
    level = models.CharField(max_length=8, choices=Level, null=True)
    muted = models.BooleanField(default=False)
    muted_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "channel"], name="channel_preference_once")]
        indexes = [
            models.Index(fields=["channel", "user"], condition=Q(level="all"), name="channel_preference_all"),
            models.Index(fields=["user", "workspace"], name="channel_preference_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in channel {self.channel_id}"


class Notification(models.Model):
    """One per event and person, however many tasks ran. Times are ms.

    state     pending until `due_at`; claimed by a worker, then sending, both since `due_at`; then it stays as it ended
    position  what a read marker must reach for it to be read: the message's n, or its thread_n when thread_id is set
    devices   ids of the devices that took it: those are told when it is withdrawn
    mail_at   when a letter is due if it is still unread; None: never, or done
    """

    class State(models.TextChoices):
        PENDING = "pending"
        CLAIMED = "claimed"
        SENDING = "sending"
        SENT = "sent"
        WITHDRAWN = "withdrawn"
        SKIPPED = "skipped"

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    user_id = models.BigIntegerField()
    event_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    thread_id = models.BigIntegerField(null=True)
    seq = models.BigIntegerField()
    position = models.BigIntegerField()
    created_at = models.BigIntegerField()
    reason = models.CharField(max_length=16)
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    detail = models.CharField(max_length=24, blank=True)
    due_at = models.BigIntegerField()
    attempts = models.PositiveSmallIntegerField(default=0)
    devices: "models.JSONField[list[str], list[str]]" = models.JSONField(default=list)
    mail_at = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event_id", "user_id"], name="notification_once")]
        indexes = [
            models.Index(fields=["user_id", "channel_id", "state"], name="notification_of_user"),
            models.Index(fields=["mail_at"], condition=Q(mail_at__isnull=False), name="notification_mail_due"),
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["pending", "claimed", "sending"]),
                name="notification_in_hand",
            ),
            models.Index(fields=["created_at"], name="notification_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.user_id}: {self.state}"


class FanOut(models.Model):
    """How far a big audience was seen to: everyone up to `cursor`, a user id. `moved_at` (ms): the last step."""

    event_id = models.BigIntegerField(primary_key=True)
    channel_id = models.BigIntegerField(default=0)
    seq = models.BigIntegerField(default=0)
    cursor = models.BigIntegerField(default=0)
    done = models.BooleanField(default=False)
    created_at = models.BigIntegerField(db_index=True)
    moved_at = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["moved_at"], condition=Q(done=False), name="fan_out_unfinished")]

    def __str__(self) -> str:
        return f"{self.event_id} up to {self.cursor}"


class DeadTask(models.Model):
    """Work that failed for good; kept for a person to look at."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    task = models.CharField(max_length=60)
    args: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    reason = models.TextField()
    at = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return f"{self.task} at {self.at}"
