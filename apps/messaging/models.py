"""Who follows which thread. Messages themselves are in the store; with Cassandra its tables are models too."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

if "cassandra" in settings.DATABASES:
    # where django-cassandra-engine's sync_cassandra looks for them
    from apps.messaging.cassandra_models import *  # noqa: F403


class Thread(models.Model):
    """A message with replies or followers, where it lies in the store, when it was last replied to (ms, 0: never)."""

    thread_id = models.BigIntegerField(primary_key=True)
    channel_id = models.BigIntegerField()
    workspace_id = models.BigIntegerField()
    bucket = models.CharField(max_length=20)
    created_at = models.BigIntegerField()
    seq = models.BigIntegerField()
    last_reply_at = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(F("workspace_id"), F("last_reply_at").desc(), name="threads_newest_first")]

    def __str__(self) -> str:
        return f"thread {self.thread_id}"


class ThreadFollow(models.Model):
    """A row that says no keeps whoever left from being brought back by a mention."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="follows")
    user_id = models.BigIntegerField()
    following = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["thread", "user_id"], name="one_follow_per_thread_and_user")]
        indexes = [models.Index(fields=["user_id", "thread"], condition=Q(following=True), name="threads_of_user")]

    def __str__(self) -> str:
        return f"{self.user_id} {'follows' if self.following else 'left'} {self.thread_id}"
