"""How far people have read, and what they should not miss. `scope_id` is a channel's id, or a thread's message id.

A place `n` is, in a channel, the message's place among the top-level ones, and in a thread its place among the replies.
"""

from django.db import models

BLOCK = 1024


class Marker(models.Model):
    """Everything up to `n` is read. Made at the first need; who has none has read nothing of a DM or thread.

    version     rises by one with each step back; a move made under an older one is passed over
    stepped_at  the scope's newest place at the last step back: own posts up to there no longer move the marker
    own         places of own messages after `n` up to `stepped_at`, joined by commas
    """

    id = models.BigAutoField(primary_key=True)
    user_id = models.BigIntegerField()
    scope_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    n = models.BigIntegerField()
    version = models.BigIntegerField(default=0)
    stepped_at = models.BigIntegerField(default=0)
    own = models.TextField(default="", blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user_id", "scope_id"], name="marker_once")]

    def __str__(self) -> str:
        return f"{self.user_id} read {self.scope_id} up to {self.n}"


class DeletedBlock(models.Model):
    """Which of the places block * BLOCK + 1 … + BLOCK hold deleted messages: a bit each, the lowest place first."""

    id = models.BigAutoField(primary_key=True)
    scope_id = models.BigIntegerField()
    block = models.BigIntegerField()
    bits = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope_id", "block"], name="deleted_block_once")]

    def __str__(self) -> str:
        return f"deleted in {self.scope_id} block {self.block}"


class Mention(models.Model):
    """A message names the user. `counted` is false where the whole channel is named too: a message counts once."""

    id = models.BigAutoField(primary_key=True)
    user_id = models.BigIntegerField()
    message_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    scope_id = models.BigIntegerField()
    n = models.BigIntegerField()
    counted = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message_id", "user_id"], name="mention_once")]
        indexes = [
            models.Index(fields=["user_id", "scope_id", "n"], name="mentions_unread"),
            models.Index(fields=["user_id", "workspace_id", "message_id"], name="mentions_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} mentions {self.user_id}"


class ChannelMention(models.Model):
    """A message names everyone: one row, however many they are."""

    message_id = models.BigIntegerField(primary_key=True)
    workspace_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    scope_id = models.BigIntegerField()
    n = models.BigIntegerField()
    sender_id = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["scope_id", "n"], name="channel_mentions_unread"),
            models.Index(fields=["channel_id", "message_id"], name="channel_mentions_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} mentions all"


class ThreadReplies(models.Model):
    """How many replies a thread ever had."""

    thread_id = models.BigIntegerField(primary_key=True)
    channel_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    count = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.count} replies to {self.thread_id}"


class ReactionNote(models.Model):
    """Somebody reacted to the user's message. Kept for settings.ACTIVITY_DAYS."""

    id = models.BigAutoField(primary_key=True)
    user_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    channel_id = models.BigIntegerField()
    message_id = models.BigIntegerField()
    reactor_id = models.BigIntegerField()
    emoji = models.CharField(max_length=64)
    created_at = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message_id", "reactor_id", "emoji"], name="reaction_note_once")]
        indexes = [
            models.Index(fields=["user_id", "workspace_id", "created_at", "id"], name="reactions_to_user"),
            models.Index(fields=["created_at"], name="reactions_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.reactor_id} reacted to {self.message_id}"
