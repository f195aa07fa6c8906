"""What people have set for good about being seen and being disturbed. Who is here now is in the backend, not here."""

from django.conf import settings
from django.db import models


class Settings(models.Model):
    """Of one user; no row means nothing set. The schedule is all set or all null: docs/protocol.md."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+", db_column="user_id"
    )
    away = models.BooleanField(default=False)
    dnd_until = models.DateTimeField(null=True)
    dnd_start = models.PositiveSmallIntegerField(null=True)
    dnd_end = models.PositiveSmallIntegerField(null=True)
    dnd_days: "models.JSONField[list[int], list[int]]" = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(dnd_start=None, dnd_end=None)
                | models.Q(dnd_start__isnull=False, dnd_end__isnull=False),
                name="presence_schedule_is_whole",
            )
        ]

    def __str__(self) -> str:
        return f"presence settings of {self.pk}"
