"""REST: preferences and devices."""

from typing import Any

import pytest
from celery import current_app
from rest_framework.test import APIClient

from apps.conversations.actions.create_channel import create_channel
from apps.notifications import queries
from apps.notifications.models import Device
from apps.notifications.sizes import DEVICES_MAX
from tests.unit.accounts.fixtures import signed_in
from tests.unit.workspaces.fixtures import Team, events

KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/abc"

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(team: Team) -> APIClient:
    return signed_in(team.users["member"])


def test_a_preference_is_the_default_until_it_is_changed_and_other_tabs_hear_of_it(team: Team, member: APIClient):
    path = f"/v1/workspaces/{team.id}/notifications"
    default: dict[str, Any] = {
        "workspace_id": str(team.id),
        "level": "mentions",
        "keywords": [],
        "email": True,
        "digest": "soon",
        "content_free": False,
        "sound": False,
        "channels": [],
    }
    assert member.get(path).json() == default
    changed = member.patch(path, {"level": "all", "keywords": [" Deploy ", "deploy", "on  call"]}, format="json").json()
    assert changed == default | {"level": "all", "keywords": ["deploy", "on call"]}
    assert member.get(path).json() == changed
    stream, kind, body = events()[-1]
    assert (stream, kind) == (f"u:{team.user_id('member')}", "notifications.preferences_changed")
    assert body["level"] == "all"
    assert signed_in(team.users["admin"]).get(path).json() == default


def test_a_channel_differs_until_it_is_told_not_to(team: Team, member: APIClient):
    channel = create_channel(actor=team.actor("member"), workspace_id=team.id, name="loud", kind="public")
    path = f"/v1/channels/{channel.pk}/notifications"
    default: dict[str, Any] = {"channel_id": str(channel.pk), "level": None, "muted": False, "muted_until": None}
    assert member.get(path).json() == default
    until = 4_000_000_000_000
    muted = member.patch(path, {"level": "nothing", "muted": True, "muted_until": until}, format="json").json()
    assert muted == default | {"level": "nothing", "muted": True, "muted_until": until}
    whole = member.get(f"/v1/workspaces/{team.id}/notifications").json()
    assert whole["channels"] == [muted]
    assert events()[-1][1] == "notifications.channel_changed"
    assert member.patch(path, {"level": None, "muted": False}, format="json").json() == default


def test_bad_preferences_change_nothing(team: Team, member: APIClient):
    path = f"/v1/workspaces/{team.id}/notifications"
    team.forget()
    for body in ({"level": "loud"}, {"keywords": ["x" * 41]}, {"keywords": ["x"] * 31}, {"email": "yes"}):
        assert member.patch(path, body, format="json").status_code == 400, body
    channel = create_channel(actor=team.actor("member"), workspace_id=team.id, name="quiet", kind="private")
    team.forget()
    at = f"/v1/channels/{channel.pk}/notifications"
    for odd in ({"level": "x"}, {"muted_until": 5, "muted": True}, {"muted": 1}):
        assert member.patch(at, odd, format="json").status_code == 400, odd
    assert signed_in(team.users["admin"]).patch(at, {"muted": True}, format="json").status_code == 404
    assert team.unchanged()


def register(client: APIClient, **body: Any) -> Any:
    whole: dict[str, Any] = {"kind": "webpush", "token": ENDPOINT, "keys": KEYS}
    return client.post("/v1/me/devices", whole | body, format="json")


def test_a_device_is_registered_once_and_goes_where_its_token_goes(team: Team, member: APIClient):
    first = register(member, name="Firefox")
    assert first.status_code == 201
    assert register(member).status_code == 200
    assert register(member, token=ENDPOINT + "2", replaces=ENDPOINT).status_code == 201
    assert [row["kind"] for row in member.get("/v1/me/devices").json()["results"]] == ["webpush"]
    # the browser is somebody else's now
    assert register(signed_in(team.users["admin"]), token=ENDPOINT + "2").status_code == 200
    assert member.get("/v1/me/devices").json()["results"] == []
    device = signed_in(team.users["admin"]).get("/v1/me/devices").json()["results"][0]
    assert member.delete(f"/v1/me/devices/{device['id']}").status_code == 404
    assert signed_in(team.users["admin"]).delete(f"/v1/me/devices/{device['id']}").status_code == 204
    assert not Device.objects.exists()


def test_a_device_goes_with_its_session(team: Team, member: APIClient):
    register(member)
    user_id = team.user_id("member")
    assert len(queries.devices_of([user_id])[user_id]) == 1
    assert member.post("/v1/auth/signout").status_code == 204
    assert queries.devices_of([user_id]) == {}


def test_there_are_at_most_so_many_devices(member: APIClient):
    for index in range(DEVICES_MAX + 3):
        assert register(member, kind="fcm", token=f"token-{index}").status_code == 201
    assert len(member.get("/v1/me/devices").json()["results"]) == DEVICES_MAX
    assert not Device.objects.filter(token="token-0").exists()


@pytest.mark.parametrize(
    "body",
    [
        {"token": "http://169.254.169.254/latest"},
        {"token": "https://localhost/x"},
        {"token": "https://evil.example/?updates.push.services.mozilla.com"},
        {"token": "https://updates.push.services.mozilla.com@evil.example/"},
        {"token": "https://updates.push.services.mozilla.com:8080/x"},
        {"token": "https://notupdates.push.services.mozilla.com.evil.example/x"},
        {"token": "https://["},
        {"keys": {"p256dh": "AAAA", "auth": KEYS["auth"]}},
        {"keys": {"p256dh": KEYS["p256dh"], "auth": "short"}},
        {"kind": "apns", "token": "not hex"},
        {"kind": "pager"},
        {"token": ""},
    ],
)
def test_a_device_that_could_not_be_served_is_refused(member: APIClient, body: dict[str, Any]):
    assert register(member, **body).status_code == 400
    assert not Device.objects.exists()


def test_the_key_for_subscriptions_is_a_point_on_the_curve(member: APIClient):
    key = member.get("/v1/push/key").json()["key"]
    assert len(key) == 87
    assert member.get("/v1/push/key").json()["key"] == key


def test_a_test_push_is_asked_for_and_not_too_often(member: APIClient, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **_: asked.append(name))
    answers = [member.post("/v1/me/devices/test").status_code for _ in range(5)]
    assert answers[:3] == [202, 202, 202]
    assert 429 in answers
    assert asked[:3] == ["notifications.send_test"] * 3
