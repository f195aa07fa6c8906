import re

import pytest
from django.core import mail
from django.test import Client

from apps.accounts import actions as accounts
from apps.accounts.models import AuthSession, User
from apps.accounts.principal import Principal
from apps.workspaces import actions as workspaces
from apps.workspaces.models import Member
from tests.unit.accounts.fixtures import PASSWORD

HOSTILE = "http://evil.example"


@pytest.fixture
def enter(ann):
    """Ann's browser, signed in through the page."""
    browser = Client()
    assert browser.post("/signin", {"email": ann.email, "password": PASSWORD}).status_code == 302
    return browser


SIGN_UP = {"name": "Cy", "email": "cy@example.com", "password": PASSWORD}


def test_sign_up_signs_in_and_goes_to_the_app(client, db):
    answer = client.post("/signup", SIGN_UP)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    session = AuthSession.objects.get()
    assert (session.kind, session.session_key) == ("browser", client.session.session_key)
    assert client.get("/v1/me").json()["email"] == "cy@example.com"


def test_signing_in_renews_the_session_key(ann):
    browser = Client()
    planted = browser.session
    planted["planted"] = 1
    planted.save()
    browser.cookies["sessionid"] = planted.session_key or ""
    browser.post("/signin", {"email": ann.email, "password": PASSWORD})
    assert browser.session.session_key != planted.session_key
    thief = Client()
    thief.cookies["sessionid"] = planted.session_key or ""
    assert thief.get("/v1/me").status_code == 401


def test_signing_in_again_ends_the_session_before(enter, ann, bob):
    first = AuthSession.objects.get()
    enter.post("/signin", {"email": bob.email, "password": PASSWORD})
    first.refresh_from_db()
    assert first.revoked_at is not None
    assert enter.get("/v1/me").json()["email"] == bob.email
    enter.post("/signin", {"email": bob.email, "password": PASSWORD})
    assert AuthSession.objects.filter(revoked_at=None).count() == 1
    assert enter.get("/v1/me").json()["email"] == bob.email


def test_signing_out_is_a_post_and_ends_the_session(enter):
    assert enter.get("/signout").status_code == 405
    assert enter.post("/signout")["Location"] == "/signin"
    assert AuthSession.objects.get().revoked_at is not None
    assert enter.get("/")["Location"] == "/signin"


def test_a_browser_revoked_elsewhere_is_out_at_once(enter, ann):
    accounts.revoke_session(actor=Principal(user_id=ann.pk), session_id=AuthSession.objects.get().pk)
    assert enter.get("/w/1")["Location"] == "/signin?next=%2Fw%2F1"
    assert enter.get("/v1/me").status_code == 401


def test_a_changed_password_ends_other_browsers(enter, ann):
    accounts.change_password(actor=Principal(user_id=ann.pk), current=PASSWORD, password="another good one 9")
    assert enter.get("/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("wanted", "gone_to"),
    [
        ("/w/1?x=2", "/w/1?x=2"),
        ("", "/"),
        (HOSTILE, "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("///evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("w/1", "/"),
        ("/\n/evil.example", "/"),
    ],
)
def test_next_stays_on_this_site(ann, wanted, gone_to):
    body = {"email": ann.email, "password": PASSWORD, "next": wanted}
    assert Client().post("/signin", body)["Location"] == gone_to


def test_errors_stand_at_their_fields(client, db):
    answer = client.post("/signup", SIGN_UP | {"email": "no address", "password": "short"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'aria-describedby="id_email_error "' in page
    assert 'id="id_email_error"' in page
    answer = client.post("/signup", SIGN_UP | {"password": "short"})
    page = answer.content.decode()
    assert 'aria-describedby="id_password_error id_password_hint"' in page
    assert 'value="cy@example.com"' in page
    assert 'value="short"' not in page
    assert not User.objects.exists()


def test_what_people_type_is_escaped(client, db):
    page = client.post("/signup", SIGN_UP | {"name": '"><script>alert(1)</script>', "password": "x"}).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_a_wrong_password_says_neither_which(client, ann):
    pages = [
        re.sub(r'value="[^"]*"', "", client.post("/signin", {"email": email, "password": "x"}).content.decode())
        for email in (ann.email, "x@example.com")
    ]
    assert pages[0] == pages[1]
    assert "The address or the password is wrong." in pages[0]


def test_a_limit_is_told_with_the_time_to_wait(client, ann):
    for _ in range(10):
        client.post("/signin", {"email": ann.email, "password": "x"})
    answer = client.post("/signin", {"email": ann.email, "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert b"Too many attempts" in answer.content


def test_forms_need_their_csrf_token(ann):
    answer = Client(enforce_csrf_checks=True).post("/signin", {"email": ann.email, "password": PASSWORD})
    assert answer.status_code == 403
    assert b"too old" in answer.content


def test_a_forgotten_password(client, ann):
    assert client.post("/password/reset", {"email": ann.email})["Location"] == "/password/reset?sent"
    assert b"Check your mail" in client.get("/password/reset?sent").content
    (path,) = re.findall(r"http://localhost:8000(/password\S+)", str(mail.outbox[0].body))
    assert client.get(path).status_code == 200
    assert client.post(path, {"password": "short"}).status_code == 400
    assert client.post(path, {"password": "another good one 9"})["Location"] == "/signin?reset"
    assert b"was changed" in client.get("/signin?reset").content
    assert b"no longer works" in client.get(path).content
    assert client.get(path).status_code == client.post(path, {"password": "another good one 8"}).status_code == 400
    assert client.post("/signin", {"email": ann.email, "password": "another good one 9"}).status_code == 302


def test_an_invitation_through_sign_up(client, team):
    made = workspaces.create_invite(actor=team.actor("member"), workspace_id=team.id, email="cy@example.com")
    page = client.get(f"/invite/{made.code}").content.decode()
    assert "Join Acme" in page
    assert "The Member" in page
    (url,) = re.findall(r'href="(/signup\?[^"]+)"', page)
    form = client.get(url).content.decode()
    assert 'value="cy@example.com"' in form
    assert "Acme" in form
    answer = client.post("/signup", SIGN_UP | {"next": f"/invite/{made.code}"})
    assert answer["Location"] == f"/w/{team.id}"
    assert Member.objects.get(user__email="cy@example.com").role == "member"
    assert client.get(f"/invite/{made.code}")["Location"] == f"/w/{team.id}"


def test_an_invitation_for_who_is_signed_in_waits_for_a_click(enter, team, ann):
    made = workspaces.create_invite(actor=team.actor("member"), workspace_id=team.id)
    assert b"Join as Ann Lee" in enter.get(f"/invite/{made.code}").content
    assert not Member.objects.filter(user=ann).exists()
    assert enter.post(f"/invite/{made.code}")["Location"] == f"/w/{team.id}"
    assert Member.objects.filter(user=ann).exists()


def test_an_invitation_of_another_explains_itself(enter, team, ann):
    made = workspaces.create_invite(actor=team.actor("member"), workspace_id=team.id, email="cy@example.com")
    answer = enter.post(f"/invite/{made.code}")
    assert answer.status_code == 403
    assert b"another e-mail address" in answer.content
    again = Client().post("/signin", {"email": ann.email, "password": PASSWORD, "next": f"/invite/{made.code}"})
    assert again["Location"] == f"/invite/{made.code}"
    assert not Member.objects.filter(user=ann).exists()


def test_a_dead_invitation(client, db):
    answer = client.get("/invite/nothing")
    assert answer.status_code == 404
    assert b"no longer valid" in answer.content
    assert client.post("/invite/nothing")["Location"].startswith("/signin?next=")


@pytest.mark.parametrize("path", ["/signin", "/signup", "/password/reset", "/nothing-here"])
def test_pages_run_no_inline_script_and_are_not_framed(client, db, path):
    answer = client.get(path)
    page = answer.content.decode()
    assert "'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page)
    assert "<h1>" in page
    assert 'lang="en"' in page
    assert not re.search(r"{[{%]", page)


def test_error_pages_are_rendered(client, db):
    assert b"There is nothing here" in client.get("/nothing-here").content
    from django.test import RequestFactory

    from apps.web import views

    request = RequestFactory().get("/x")
    assert views.server_error(request).status_code == 500
    for view, status in ((views.bad_request, 400), (views.forbidden, 403)):
        assert view(request, Exception()).status_code == status
    assert views.server_error(RequestFactory().get("/v1/x"))["Content-Type"] == "application/problem+json"


def test_health(client, db, monkeypatch):
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["database"]) == (200, True)

    class Broken:
        def cursor(self):
            from django.db import OperationalError

            raise OperationalError

    monkeypatch.setattr("apps.web.queries.connection", Broken())
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
