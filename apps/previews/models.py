"""What linked pages say of themselves, and whose messages show none."""

from django.db import models

from apps.core.clock import now


class LinkPreview(models.Model):
    """`digest` is of workspace and address, keyed, so that the table does not tell who linked where. `sealed`: a Card.

    None as `sealed`: there is nothing to show; asked again later.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    workspace_id = models.BigIntegerField(db_index=True)
    sealed = models.BinaryField(null=True)
    fetched_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["fetched_at"], name="link_previews_by_age")]

    def __str__(self) -> str:
        return self.digest


class HiddenPreview(models.Model):
    """The author, or an admin, does not want this message to show any."""

    message_id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.message_id)
