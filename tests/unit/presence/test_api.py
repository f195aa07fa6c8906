from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync

from apps.accounts.models import BotToken, User
from apps.accounts.principal import Principal
from apps.conversations import actions as conversations
from apps.core.clock import now, to_ms
from apps.eventlog import registry as eventlog
from apps.presence import actions
from apps.presence.models import Settings
from apps.presence.topics import topic
from tests.unit.accounts.fixtures import signed_in
from tests.unit.workspaces.fixtures import events


def in_ms(**later: int) -> int:
    return to_ms(now() + timedelta(**later))


def test_a_status_is_set_shown_and_cleared(ann):
    rest = signed_in(ann)
    assert rest.get("/v1/me/status").json() == {"status": None}
    wanted = {"emoji": "🌴", "text": "On holiday", "expires_at": in_ms(days=2)}
    assert rest.put("/v1/me/status", wanted, format="json").json() == {"status": wanted}
    assert rest.get("/v1/me").json()["status"] == wanted
    assert rest.delete("/v1/me/status").status_code == 204
    assert rest.get("/v1/me").json()["status"] is None
    assert [(stream, kind, body) for stream, kind, body in events()] == [
        (f"u:{ann.pk}", "status.changed", {"status": wanted}),
        (f"u:{ann.pk}", "status.changed", {"status": None}),
    ]


def test_an_expired_status_is_none(ann):
    rest = signed_in(ann)
    rest.put("/v1/me/status", {"text": "Lunch", "expires_at": in_ms(minutes=5)}, format="json")
    User.objects.update(status_expires_at=now() - timedelta(seconds=1))
    assert rest.get("/v1/me/status").json() == {"status": None}


def test_do_not_disturb(ann):
    rest = signed_in(ann)
    assert rest.get("/v1/me/dnd").json() == {"on": False, "until": None, "schedule": None}
    until = in_ms(hours=1)
    assert rest.put("/v1/me/dnd", {"until": until}, format="json").json() == {
        "on": True,
        "until": until,
        "schedule": None,
    }
    night = {"start": "22:00", "end": "07:30"}
    answer = rest.put("/v1/me/dnd", {"schedule": night}, format="json").json()
    assert (answer["until"], answer["schedule"]) == (until, night | {"days": [0, 1, 2, 3, 4, 5, 6]})
    answer = rest.put("/v1/me/dnd", {"until": None, "schedule": None}, format="json").json()
    assert answer == {"on": False, "until": None, "schedule": None}
    assert [kind for _, kind, _ in events()] == ["dnd.changed"] * 3


def test_away_by_hand(ann, presence):
    async_to_sync(presence.beat)("g", lease_s=30)
    async_to_sync(presence.put)("g", {ann.pk: "online"})
    rest = signed_in(ann)
    assert rest.get("/v1/me/presence").json() == {"away": False, "state": "online"}
    assert rest.put("/v1/me/presence", {"away": True}, format="json").json() == {"away": True, "state": "away"}
    assert rest.put("/v1/me/presence", {"away": False}, format="json").json() == {"away": False, "state": "online"}


def test_a_time_zone_is_one_of_the_database(ann):
    rest = signed_in(ann)
    assert rest.patch("/v1/me", {"timezone": "Asia/Kolkata"}, format="json").json()["timezone"] == "Asia/Kolkata"
    assert rest.patch("/v1/me", {"timezone": "Mars/Olympus"}, format="json").status_code == 400
    assert rest.get("/v1/me").json()["timezone"] == "Asia/Kolkata"
    assert rest.get("/v1/me").json()["timezone_automatic"] is True
    fixed = rest.patch("/v1/me", {"timezone": "Europe/Berlin", "timezone_automatic": False}, format="json").json()
    assert (fixed["timezone"], fixed["timezone_automatic"]) == ("Europe/Berlin", False)


def test_only_members_of_the_workspace_are_seen_and_by_guests_only_acquaintances(team, ann, presence):
    async_to_sync(presence.beat)("g", lease_s=30)
    async_to_sync(presence.put)("g", {team.user_id("member"): "away", ann.pk: "online"})
    ids = ",".join(str(one) for one in (*(user.pk for user in team.users.values()), ann.pk))
    path = f"/v1/workspaces/{team.id}/presence?ids={ids}"
    seen = {row["user_id"]: row for row in signed_in(team.users["admin"]).get(path).json()["results"]}
    assert seen.keys() == {str(user.pk) for user in team.users.values()}
    member = str(team.user_id("member"))
    assert seen[member] == {"user_id": member, "state": "away", "dnd": False, "status": None}
    assert signed_in(ann).get(path).status_code == 404

    guest = signed_in(team.users["guest"])
    assert [row["user_id"] for row in guest.get(path).json()["results"]] == [str(team.user_id("guest"))]
    conversations.create_channel(
        actor=team.actor("owner"),
        workspace_id=team.id,
        kind="private",
        name="together",
        member_ids=[team.user_id("guest"), team.user_id("member")],
    )
    seen_by_guest = {row["user_id"] for row in guest.get(path).json()["results"]}
    assert seen_by_guest == {str(team.user_id(role)) for role in ("owner", "member", "guest")}


def test_a_bot_needs_the_scope_and_sets_only_its_status(make_user):
    bot = User.objects.create(name="Deploy", is_bot=True)
    BotToken.objects.create(user=bot, name="t", prefix="scb_", token_hash="h")
    allowed = Principal(user_id=bot.pk, is_bot=True, scopes=frozenset({"status:write"}))
    assert actions.set_status(actor=allowed, emoji="rocket").status_emoji == "rocket"
    refused = Principal(user_id=bot.pk, is_bot=True, scopes=frozenset({"messages:write"}))
    with pytest.raises(Exception, match="status:write"):
        actions.clear_status(actor=refused)
    with pytest.raises(Exception, match="person"):
        actions.set_away(actor=allowed, away=True)
    bot.refresh_from_db()
    assert bot.status_emoji == "rocket"
    assert not Settings.objects.exists()


def test_gateways_hear_of_a_change_after_its_commit(ann, monkeypatch, django_capture_on_commit_callbacks):
    told = []

    class Broadcast:
        async def publish(self, batch):
            told.append((batch.stream, [(one.type, one.key) for one in batch.ephemeral]))

    monkeypatch.setattr(eventlog, "broadcast", Broadcast)
    with django_capture_on_commit_callbacks(execute=True):
        actions.set_away(actor=Principal(user_id=ann.pk), away=True)
        assert not told
    assert told == [(topic(ann.pk), [("settings", str(ann.pk))])]
