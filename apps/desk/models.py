"""What is one person's own: saved messages, drafts, messages for later, reminders, how their sidebar is ordered.

Texts are sealed under the key of their workspace, bound to the person's stream and the row's id. Times are in ms.
"""

from typing import Any

from django.db import models

from apps.core.ids import new_id


class Saved(models.Model):
    """`target` says where the message lies, as MessagePack of messaging's Target. `done_at`: put aside as done."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    user_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    message_id = models.BigIntegerField()
    target = models.BinaryField()
    done_at = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user_id", "message_id"], name="saved_once")]
        indexes = [models.Index(fields=["user_id", "workspace_id", "-id"], name="saved_newest_first")]

    def __str__(self) -> str:
        return f"{self.user_id} saved {self.message_id}"


class Draft(models.Model):
    """`thread_id` is 0 for the channel itself."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    user_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    thread_id = models.BigIntegerField(default=0)
    sealed = models.BinaryField()
    updated_at = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user_id", "channel_id", "thread_id"], name="draft_once")]

    def __str__(self) -> str:
        return f"draft of {self.user_id} in {self.channel_id}"


class Scheduled(models.Model):
    """A message for later. `claimed_until`: somebody is sending it until then. `problem`: why it could not be sent."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    user_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    thread_id = models.BigIntegerField(null=True)
    also_in_channel = models.BooleanField(default=False)
    sealed = models.BinaryField()
    at = models.BigIntegerField()
    claimed_until = models.BigIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        indexes = [
            models.Index(fields=["at"], condition=models.Q(problem=""), name="scheduled_due"),
            models.Index(fields=["user_id", "workspace_id", "at"], name="scheduled_of_user"),
        ]

    def __str__(self) -> str:
        return f"message of {self.user_id} for {self.at}"


class Reminder(models.Model):
    """About a message, or just a text. `due`: its time has come, it waits to be seen."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    user_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    channel_id = models.BigIntegerField(null=True)
    message_id = models.BigIntegerField(null=True)
    sealed = models.BinaryField()
    at = models.BigIntegerField()
    due = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["at"], condition=models.Q(due=False), name="reminders_to_come"),
            models.Index(fields=["user_id", "workspace_id", "at"], name="reminders_of_user"),
        ]

    def __str__(self) -> str:
        return f"reminder of {self.user_id} for {self.at}"


class Sidebar(models.Model):
    """`layout`: {"starred": [channel id], "sections": [{"id", "name", "channel_ids"}]}, ids as strings."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    user_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    layout: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user_id", "workspace_id"], name="sidebar_once")]

    def __str__(self) -> str:
        return f"sidebar of {self.user_id}"
