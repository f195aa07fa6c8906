"""What was uploaded. The bytes lie in the storage, sealed, in parts of PART_BYTES (`apps/files/parts.py`)."""

from django.db import models

from apps.core.clock import now
from apps.core.ids import new_id
from apps.files.names import NAME_MAX, TYPE_MAX


class State(models.TextChoices):
    """uploading: bytes are missing; ready: complete; gone: withdrawn, its bytes are deleted or will be."""

    UPLOADING = "uploading"
    READY = "ready"
    GONE = "gone"


class File(models.Model):
    """`claim` is what a post attached it under: the same post, repeated, may attach it again, no other one.

    received      bytes that the storage has
    channel_id    once attached: who may read that channel may read the file, or one of a Forward of it
    message_id    the message that shows it, as far as is known
    keeps_metadata  its owner wants what the camera wrote to stay in it
    cleaned       its bytes are the variant `clean`, without metadata; `size` and `received` are that one's
    width, height  of an image that was drawn anew, else 0; then there are also a `preview` and a `thumb`
    """

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.BigIntegerField()
    owner_id = models.BigIntegerField()
    key_id = models.BigIntegerField()
    name = models.CharField(max_length=NAME_MAX)
    type = models.CharField(max_length=TYPE_MAX)
    size = models.BigIntegerField()
    received = models.BigIntegerField(default=0)
    preview_size = models.BigIntegerField(default=0)
    thumb_size = models.BigIntegerField(default=0)
    width = models.IntegerField(default=0)
    height = models.IntegerField(default=0)
    keeps_metadata = models.BooleanField(default=False)
    cleaned = models.BooleanField(default=False)
    state = models.CharField(max_length=9, choices=State, default=State.UPLOADING)
    channel_id = models.BigIntegerField(null=True)
    message_id = models.BigIntegerField(null=True)
    claim = models.CharField(max_length=100, null=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["channel_id", "-id"], name="files_of_channel"),
            models.Index(fields=["owner_id", "-id"], name="files_of_owner"),
            models.Index(
                fields=["created_at"], condition=models.Q(channel_id__isnull=True), name="files_never_attached"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Forward(models.Model):
    """A message that was forwarded with the file: who may read its channel may read the file as well.

    `claim` and `message_id` as in File. When the file's own message goes, the oldest of these takes its place.
    """

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    file = models.ForeignKey(File, on_delete=models.CASCADE, related_name="forwards")
    channel_id = models.BigIntegerField()
    message_id = models.BigIntegerField()
    claim = models.CharField(max_length=100)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "channel_id", "claim"], name="forwarded_once")]
        indexes = [
            models.Index(fields=["channel_id", "file"], name="forwards_of_channel"),
            models.Index(fields=["message_id"], name="forwards_of_message"),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} in {self.channel_id}"
