import pytest
from rest_framework.test import APIClient

from apps.accounts import actions
from apps.accounts.models import AuthSession, User
from tests.unit.accounts.fixtures import PASSWORD, signed_in

SIGN_UP = {"email": "ann@example.com", "password": PASSWORD, "name": "Ann"}


@pytest.fixture
def rest(db):
    return APIClient()


def post(client, path, body):
    return client.post(path, body, format="json")


def test_sign_up_refresh_and_sign_out(rest):
    made = post(rest, "/v1/auth/signup", SIGN_UP | {"unknown": [1]})
    assert made.status_code == 201
    assert made.json().keys() == {"user", "access", "refresh", "expires_in"}
    assert made.json()["user"] == {
        "id": str(User.objects.get().pk),
        "name": "Ann",
        "email": "ann@example.com",
        "is_bot": False,
        "created_at": made.json()["user"]["created_at"],
        "timezone": "",
        "timezone_automatic": True,
        "language": "",
        "language_automatic": True,
        "toured": False,
        "status": None,
    }
    renewed = post(rest, "/v1/auth/token/refresh", {"refresh": made.json()["refresh"]}).json()
    rest.credentials(HTTP_AUTHORIZATION=f"Bearer {renewed['access']}")
    assert rest.get("/v1/me").json()["name"] == "Ann"
    assert rest.post("/v1/auth/signout").status_code == 204
    assert rest.get("/v1/me").status_code == 401


def test_the_tour_is_shown_once_on_all_devices_together(rest, ann):
    shown = signed_in(ann).patch("/v1/me", {"toured": True}, format="json")
    assert (shown.status_code, shown.json()["toured"], shown.json()["name"]) == (200, True, ann.name)
    assert post(rest, "/v1/auth/signup", SIGN_UP | {"email": "new@example.com"}).json()["user"]["toured"] is False
    assert User.objects.get(pk=ann.pk).toured


def test_a_token_for_a_password(rest, ann):
    good = post(rest, "/v1/auth/token", {"email": ann.email, "password": PASSWORD})
    assert good.status_code == 200
    assert good.json().keys() == {"access", "refresh", "expires_in"}
    bad = post(rest, "/v1/auth/token", {"email": ann.email, "password": "wrong"})
    assert bad.status_code == 401
    assert bad["Content-Type"] == "application/problem+json"
    assert bad["WWW-Authenticate"].startswith("Bearer")
    assert bad.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer scb_" + "x" * 40])
def test_no_proof_no_answer(rest, header):
    if header:
        rest.credentials(HTTP_AUTHORIZATION=header)
    for answer in (rest.get("/v1/me"), rest.get("/v1/me/sessions"), rest.post("/v1/auth/signout")):
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer["WWW-Authenticate"] == 'Bearer realm="slackclone"'


BAD_BODIES = [
    (b"", 400),
    (b"{", 400),
    (b"[]", 400),
    (b'"x"', 400),
    (b"null", 400),
    (b"[" * 100_000, 400),
    (b'{"email": NaN}', 400),
    (b"\xff\xfe", 400),
    (b'{"email": 5, "password": true, "name": ["x"]}', 400),
    (b'{"email": "a\\u0000@example.com", "password": "correct horse 7", "name": "A"}', 400),
    (b'{"email": "a@example.com", "password": "correct horse 7", "name": "\\ud800"}', 400),
    (b'{"email": "a@example.com", "password": "correct horse 7", "name": "' + b"x" * 1_000_000 + b'"}', 413),
    (b'{"email": "a@example.com", "password": "correct horse 7", "name": "' + b"x" * 100_000 + b'"}', 400),
]


@pytest.mark.parametrize(("body", "status"), BAD_BODIES)
def test_bad_bodies_are_refused_and_change_nothing(rest, body, status):
    answer = rest.post("/v1/auth/signup", body, content_type="application/json")
    assert answer.status_code == status, answer.content[:200]
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == {400: "invalid", 413: "too_large"}[status]
    if status == 400:
        assert isinstance(answer.json()["errors"], dict)
    assert not User.objects.exists()


def test_field_errors_are_named(rest):
    errors = post(rest, "/v1/auth/signup", {"email": 5, "name": "A"}).json()["errors"]
    assert errors == {"email": ["Not a valid string."], "password": ["This field is required."]}


def test_other_media_types_and_methods(rest):
    assert rest.post("/v1/auth/signup", "x", content_type="text/plain").json()["code"] == "unsupported_media_type"
    answer = rest.get("/v1/auth/signup")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in answer["Allow"]


def test_a_taken_address_is_a_conflict(rest, ann):
    answer = post(rest, "/v1/auth/signup", SIGN_UP | {"email": ann.email})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_limits_answer_with_a_time_to_wait(rest, ann):
    for _ in range(10):
        post(rest, "/v1/auth/token", {"email": ann.email, "password": "wrong"})
    answer = post(rest, "/v1/auth/token", {"email": ann.email, "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(answer["Retry-After"]) <= 12


def test_sessions_are_listed_and_revoked(ann, bob):
    here, there = signed_in(ann), signed_in(ann)
    signed_in(bob)
    rows = here.get("/v1/me/sessions").json()["results"]
    assert [row["current"] for row in rows] == [False, True]
    assert rows[0].keys() == {"id", "kind", "user_agent", "ip", "created_at", "last_seen_at", "current"}
    assert here.delete(f"/v1/me/sessions/{rows[0]['id']}").status_code == 204
    assert there.get("/v1/me").status_code == 401
    assert here.get("/v1/me").status_code == 200
    foreign = AuthSession.objects.get(user=bob).pk
    for session_id in (rows[0]["id"], foreign, 1, 10**30):
        assert here.delete(f"/v1/me/sessions/{session_id}").status_code == 404
    for query in ("limit=0", "limit=x", "cursor=x", "cursor=%00", "cursor=W10"):
        assert here.get(f"/v1/me/sessions?{query}").status_code == 400


def test_the_password_changes_with_the_old_one(ann):
    here, there = signed_in(ann), signed_in(ann)
    body = {"current": PASSWORD, "password": "another good one 9"}
    assert post(here, "/v1/me/password", body | {"current": "wrong"}).json()["errors"].keys() == {"current"}
    assert post(here, "/v1/me/password", body).status_code == 204
    assert (here.get("/v1/me").status_code, there.get("/v1/me").status_code) == (200, 401)


def test_reset_answers_the_same_for_everybody(rest, ann):
    answers = [post(rest, "/v1/auth/password/reset", {"email": email}) for email in (ann.email, "x@example.com")]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    bad = post(rest, "/v1/auth/password/reset/confirm", {"uid": "x", "token": "y", "password": "another good 9"})
    assert bad.status_code == 400


def test_bots_know_themselves_and_change_nothing(db):
    bot = actions.create_bot(name="Echo")
    _, secret = actions.issue_bot_token(user_id=bot.pk, name="x", scopes=["messages:read"])
    rest = APIClient()
    rest.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert rest.get("/v1/me").json()["is_bot"] is True
    for answer in (
        rest.patch("/v1/me", {"name": "Evil"}, format="json"),
        rest.post("/v1/auth/signout"),
        post(rest, "/v1/me/password", {"current": "x", "password": "y"}),
        post(rest, "/v1/workspaces", {"name": "Mine"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_being_seen_is_written_down_now_and_then(ann, django_assert_num_queries):
    from datetime import timedelta

    from apps.core.clock import now

    rest = signed_in(ann)
    with django_assert_num_queries(1):
        rest.get("/v1/me")
    old = now() - timedelta(hours=1)
    AuthSession.objects.update(last_seen_at=old)
    rest.get("/v1/me")
    assert AuthSession.objects.get().last_seen_at > old
