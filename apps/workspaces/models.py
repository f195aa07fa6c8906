"""Workspaces, who is in them and as what, invitations, the audit log, and the wrapped keys of the content."""

from typing import Any

from django.db import models

from apps.accounts.models import User
from apps.accounts.sizes import EMAIL_MAX
from apps.core.clock import now
from apps.core.ids import new_id
from apps.workspaces.roles import Role, Who
from apps.workspaces.sizes import DESCRIPTION_MAX, HANDLE_MAX, NAME_MAX


class Workspace(models.Model):
    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=NAME_MAX)
    slug = models.CharField(max_length=50, unique=True)
    creator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    # Who may add emoji, and make groups of people.
    emoji_by = models.CharField(max_length=7, choices=Who, default=Who.MEMBERS)
    groups_by = models.CharField(max_length=7, choices=Who, default=Who.ADMINS)
    created_at = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """A user in a workspace. A deactivated one stays, so that messages keep their sender's name."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="members")
    role = models.CharField(max_length=8, choices=Role)
    handle = models.CharField(max_length=HANDLE_MAX)
    active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="member_once_per_workspace"),
            models.UniqueConstraint(fields=["workspace", "handle"], name="handle_once_per_workspace"),
        ]

    def __str__(self) -> str:
        return f"@{self.handle}"


class Group(models.Model):
    """People who are mentioned by one handle. An archived one keeps its handle, and names nobody."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="groups")
    handle = models.CharField(max_length=HANDLE_MAX)
    name = models.CharField(max_length=NAME_MAX)
    description = models.CharField(max_length=DESCRIPTION_MAX, blank=True)
    creator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "handle"], name="group_handle_once_per_workspace")]

    def __str__(self) -> str:
        return f"@{self.handle}"


class GroupMember(models.Model):
    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "user"], name="once_in_a_group")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"


class Invitation(models.Model):
    """`code_hash` is of a secret that only the link holds. With an `email` it is for that address's account alone."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    inviter = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    code_hash = models.CharField(max_length=64, unique=True)
    email = models.CharField(max_length=EMAIL_MAX, null=True)
    role = models.CharField(max_length=8, choices=Role)
    uses = models.PositiveIntegerField(default=0)
    max_uses = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="invitations_newest_first")]

    def __str__(self) -> str:
        return f"invitation {self.pk}"


class AuditEntry(models.Model):
    """What somebody did with a right. `target` names a thing ("member:123"); `detail` says what changed."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    actor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)
    action = models.CharField(max_length=40)
    target = models.CharField(max_length=80, blank=True)
    detail: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict)
    at = models.DateTimeField(default=now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="audit_newest_first")]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"


class DataKey(models.Model):
    """An AES-256 key of a workspace's content, wrapped by a master key. Deleting the row shreds what it sealed."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="data_keys")
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="data_key_newest_first")]

    def __str__(self) -> str:
        return f"data key {self.pk}"
