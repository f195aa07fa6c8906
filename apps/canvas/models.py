"""A channel's canvas: a Yjs document as a merged snapshot and the updates since, with the states it went through.

All of it is sealed with the workspace's data key. The order of updates means nothing to the document: they commute and
may repeat; `n` only says what a snapshot holds.
"""

from django.db import models

from apps.core.ids import new_id


class Canvas(models.Model):
    """`n` counts the updates taken in, `merged_n` those that are in `snapshot`; `size` is that of all, in bytes.

    `editors` are the ids of those who wrote since the newest version, `version_n` is its n.
    """

    channel = models.OneToOneField(
        "conversations.Channel", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    n = models.BigIntegerField(default=0)
    merged_n = models.BigIntegerField(default=0)
    snapshot = models.BinaryField(null=True)
    size = models.IntegerField(default=0)
    editors = models.JSONField(default=list)
    version_n = models.BigIntegerField(default=0)
    version_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    updated_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return f"canvas of channel {self.pk}"


class CanvasUpdate(models.Model):
    id = models.BigIntegerField(primary_key=True, default=new_id)
    canvas = models.ForeignKey(Canvas, on_delete=models.CASCADE, related_name="updates")
    n = models.BigIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["canvas", "n"], name="canvas_update_n"),)

    def __str__(self) -> str:
        return f"update {self.n} of channel {self.canvas_id}"


class CanvasVersion(models.Model):
    """How the document was after its update `n`. `editors` are the ids of those who wrote since the version before."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    canvas = models.ForeignKey(Canvas, on_delete=models.CASCADE, related_name="versions")
    n = models.BigIntegerField()
    sealed = models.BinaryField()
    editors = models.JSONField(default=list)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["canvas", "n"], name="canvas_version_n"),)

    def __str__(self) -> str:
        return f"version {self.n} of channel {self.canvas_id}"
