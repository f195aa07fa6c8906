"""Relational tables of the log: what waits to be appended, and who holds what for a while.

Times are milliseconds since the epoch by the writers' own clocks, as Snowflake ids are.
"""

from django.db import models


class OutboxRow(models.Model):
    """An event decided in a transaction and not yet known to be in the log. `value` is an encoded Envelope."""

    id = models.BigAutoField(primary_key=True)
    event_id = models.BigIntegerField(unique=True)
    stream = models.CharField(max_length=22)
    value = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.stream} {self.event_id}"


class WorkerLease(models.Model):
    """A Snowflake worker id. Its holders may have minted up to `last_ms`. Given back, its expires_at_ms is 0."""

    worker_id = models.SmallIntegerField(primary_key=True)
    holder = models.CharField(max_length=32)
    expires_at_ms = models.BigIntegerField(db_index=True)
    last_ms = models.BigIntegerField()

    def __str__(self) -> str:
        return f"worker {self.worker_id}"


class NamedLease(models.Model):
    """The right to be the only one of its name at work, as long as it is renewed."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.CharField(max_length=32)
    expires_at_ms = models.BigIntegerField()

    def __str__(self) -> str:
        return self.name


class DeadLetter(models.Model):
    """A record of the log that no reader could understand. It was skipped; `value` is kept for a person to look at."""

    id = models.BigAutoField(primary_key=True)
    partition = models.IntegerField()
    offset = models.BigIntegerField()
    key = models.TextField()
    value = models.BinaryField()
    reason = models.TextField()
    at_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partition", "offset"], name="dead_letter_position")]

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"
