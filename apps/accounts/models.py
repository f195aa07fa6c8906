"""Users and what proves that a caller is one."""

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from apps.accounts.sizes import (
    EMAIL_MAX,
    LANGUAGE_MAX,
    NAME_MAX,
    STATUS_EMOJI_MAX,
    STATUS_TEXT_MAX,
    TIMEZONE_MAX,
    USER_AGENT_MAX,
)
from apps.core import ids
from apps.core.clock import now
from apps.core.ids import new_id


class Users(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


def new_user_id() -> int | None:
    """None while no worker id is leased: Django's system check makes a user of ours only to look at it."""
    return ids.new_id() if ids.ready() else None


class User(AbstractBaseUser):
    """A person, or a bot: then without an address and without a usable password. `email` is stored in lower case."""

    id = models.BigIntegerField(primary_key=True, default=new_user_id, editable=False)
    email = models.CharField(max_length=EMAIL_MAX, unique=True, null=True)
    name = models.CharField(max_length=NAME_MAX)
    is_bot = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now, editable=False)
    timezone = models.CharField(max_length=TIMEZONE_MAX, blank=True, default="")  # of the tz database; "": not known
    timezone_automatic = models.BooleanField(default=True)  # the client keeps it as the browser has it
    language = models.CharField(max_length=LANGUAGE_MAX, blank=True, default="")  # of settings.LANGUAGES; "": not known
    language_automatic = models.BooleanField(default=True)
    toured = models.BooleanField(default=False)  # was shown around: once, whatever the device
    status_emoji = models.CharField(max_length=STATUS_EMOJI_MAX, blank=True, default="")
    status_text = models.CharField(max_length=STATUS_TEXT_MAX, blank=True, default="")
    status_expires_at = models.DateTimeField(null=True)

    objects: ClassVar[Users] = Users()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_is_lower_case"),
            models.CheckConstraint(
                condition=models.Q(is_bot=True, email=None) | models.Q(is_bot=False, email__isnull=False),
                name="user_person_has_email",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AuthSession(models.Model):
    """One signed-in browser or client. It ends when it is revoked; a browser's Django session ends with it."""

    class Kind(models.TextChoices):
        BROWSER = "browser"
        API = "api"

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="auth_sessions")
    kind = models.CharField(max_length=8, choices=Kind)
    session_key = models.CharField(max_length=40, unique=True, null=True)
    user_agent = models.CharField(max_length=USER_AGENT_MAX, blank=True)
    ip = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField(default=now, editable=False)
    last_seen_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-id"], condition=models.Q(revoked_at=None), name="live_sessions")]

    def __str__(self) -> str:
        return f"{self.kind} session {self.pk}"


class RefreshToken(models.Model):
    """One link of a session's chain. `used_at` set and presented again means that two hold the chain."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    family = models.ForeignKey(AuthSession, on_delete=models.CASCADE, related_name="refresh_tokens")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"refresh token {self.pk}"


class BotToken(models.Model):
    """`prefix` is what people recognise a token by; the secret itself is shown once and kept as a hash."""

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="bot_tokens")
    name = models.CharField(max_length=NAME_MAX)
    scopes: "models.JSONField[list[str], list[str]]" = models.JSONField(default=list)
    prefix = models.CharField(max_length=12)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=now, editable=False)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"
