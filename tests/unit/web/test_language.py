"""Pages, errors and letters speak the language that somebody chose, else their browser's."""

from datetime import UTC, datetime

import pytest
from django.core import mail
from django.template import Context, Template
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.locale import spoken_to
from apps.accounts.mail import send_password_reset
from apps.accounts.models import User

pytestmark = pytest.mark.django_db
GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
PASSWORD = "correct horse battery"


@pytest.fixture
def person(client: Client) -> User:
    client.post("/signup", {"name": "Ann", "email": "ann@example.org", "password": PASSWORD})
    return User.objects.get(email="ann@example.org")


def test_pages_and_errors_follow_the_browser() -> None:
    page = Client().get("/signin", headers=GERMAN)
    assert '<html lang="de" dir="ltr">' in page.content.decode()
    assert "Passwort vergessen?" in page.content.decode()
    assert page.headers["Content-Language"] == "de"
    wrong = Client().post("/signin", {"email": "x@example.org", "password": "wrong"}, headers=GERMAN)
    assert "Die Adresse oder das Passwort ist falsch." in wrong.content.decode()
    problem = APIClient().get("/v1/me", headers=GERMAN).json()
    assert (problem["code"], problem["title"]) == ("unauthenticated", "Bitte zuerst anmelden")
    assert APIClient().get("/v1/me", headers={"Accept-Language": "tlh"}).json()["title"] == "Sign in first"


def test_what_was_chosen_goes_before_the_browser(client: Client, person: User) -> None:
    assert person.language_automatic
    body = {"language": "de", "language_automatic": False}
    answer = client.patch("/v1/me", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert (answer.json()["language"], answer.json()["language_automatic"]) == ("de", False)
    assert '<html lang="de"' in client.get("/", follow=True).content.decode()
    assert client.get("/v1/nothing").json()["title"] == "Nicht gefunden"

    # another browser of theirs knows it with its first page
    other = Client()
    other.post("/signin", {"email": person.email, "password": PASSWORD})
    assert '<html lang="de"' in other.get("/", follow=True).content.decode()

    client.patch("/v1/me", {"language_automatic": True}, content_type="application/json")
    assert '<html lang="en"' in client.get("/", follow=True).content.decode()


def test_an_unknown_language_changes_nothing(client: Client, person: User) -> None:
    body = {"language": "tlh", "timezone": "Europe/Berlin"}
    answer = client.patch("/v1/me", body, content_type="application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["language"])
    person.refresh_from_db()
    assert (person.language, person.timezone) == ("", "")


def test_letters_speak_the_language_of_who_reads_them(person: User) -> None:
    User.objects.update(language="de")
    assert send_password_reset("ann@example.org")
    (letter,) = mail.outbox
    assert letter.subject == "Ihr slackclone-Passwort zurücksetzen"
    assert letter.body.startswith("Guten Tag Ann,")


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "01:59 CET"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "03:00 CEST"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "02:30 CEST"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "02:30 CET"),
    ],
)
def test_times_in_letters_are_those_of_the_readers_wall(at: datetime, shown: str) -> None:
    reader = User(name="Ann", language="de", timezone="Europe/Berlin")
    with spoken_to(reader):
        assert f"{timezone.localtime(at):%H:%M %Z}" == shown
        assert Template('{{ at|date:"H:i" }}').render(Context({"at": at})) == shown.split(maxsplit=1)[0]
    with spoken_to(None):
        assert f"{timezone.localtime(at):%H:%M %Z}" == f"{at:%H:%M} UTC"
