"""What a member is in a workspace; policies.py says what each may do."""

from django.db.models import TextChoices


class Role(TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"


class Who(TextChoices):
    """Whom a workspace leaves something to: everybody but guests, or admins and owners."""

    MEMBERS = "members"
    ADMINS = "admins"
