"""Many people in a workspace at once, straight into the database of a running product: hashing takes minutes.

Run with the product's environment: `python -m bench.seed` reads {"workspace_id", "count", "prefix",
"channel_id"?} from standard input
and prints {"users": [{"id", "token"}]}. The rows are new ones, so no cache of the product can know better.
"""

import json
import os
import sys
from datetime import timedelta
from typing import Any

import django
from django.db import transaction
from django.db.models import F


def seed(workspace_id: int, count: int, prefix: str, channel_id: int | None) -> list[dict[str, str]]:
    from apps.accounts.models import AuthSession, User
    from apps.accounts.tokens import sign_access
    from apps.conversations.models import Channel, Membership
    from apps.core.clock import now
    from apps.core.ids import new_id
    from apps.workspaces.models import Member
    from apps.workspaces.roles import Role

    at = now()
    users = [
        User(id=new_id(), email=f"{prefix}{n}@bench.example", name=f"{prefix} {n}", password="!") for n in range(count)
    ]
    sessions = [AuthSession(user=user, kind=AuthSession.Kind.API, expires_at=at + timedelta(days=1)) for user in users]
    members = [
        Member(workspace_id=workspace_id, user=user, role=Role.MEMBER, handle=f"{prefix}{n}")
        for n, user in enumerate(users)
    ]
    with transaction.atomic():
        User.objects.bulk_create(users, batch_size=500)
        AuthSession.objects.bulk_create(sessions, batch_size=500)
        Member.objects.bulk_create(members, batch_size=500)
        if channel_id is not None:
            Membership.objects.bulk_create(
                [Membership(channel_id=channel_id, user=user) for user in users], batch_size=500
            )
            Channel.objects.filter(id=channel_id).update(
                member_count=F("member_count") + count, members_version=F("members_version") + 1
            )
    return [
        {"id": str(user.pk), "token": sign_access(user_id=user.pk, session_id=session.pk, at=at)}
        for user, session in zip(users, sessions, strict=True)
    ]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slackclone.settings")
    django.setup()
    from apps.eventlog import leases

    asked: dict[str, Any] = json.load(sys.stdin)
    lease = leases.hold()
    try:
        channel_id = int(asked["channel_id"]) if asked.get("channel_id") else None
        users = seed(int(asked["workspace_id"]), asked["count"], asked["prefix"], channel_id)
        json.dump({"users": users}, sys.stdout)
    finally:
        lease.release()


if __name__ == "__main__":
    main()
