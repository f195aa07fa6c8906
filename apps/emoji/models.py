"""Emoji that a workspace made for itself. Drawn anew they are a few KiB each, so they lie in their row."""

from django.db import models

from apps.core.clock import now
from apps.core.ids import new_id
from apps.emoji.sizes import NAME_MAX


class CustomEmoji(models.Model):
    """An image, or with `alias_of` another name for one: it goes when that one goes."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.BigIntegerField()
    name = models.CharField(max_length=NAME_MAX)
    alias_of = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="aliases")
    creator_id = models.BigIntegerField()
    image = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace_id", "name"], name="emoji_once_per_workspace")]

    def __str__(self) -> str:
        return f":{self.name}:"
