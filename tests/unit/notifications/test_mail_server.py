"""A letter through a real SMTP server."""

from email import message_from_bytes
from email.message import Message
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from apps.notifications.actions import send_mail
from bench.product import free_port
from tests.unit.workspaces.fixtures import Team

pytestmark = pytest.mark.django_db


class Inbox:
    def __init__(self) -> None:
        self.letters: list[Message] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.letters.append(message_from_bytes(envelope.content or b"", policy=default))  # type: ignore[arg-type]
        return "250 OK"


def test_a_letter_arrives_whole(team: Team, settings) -> None:
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
        line = {"sender": "Ada", "place": "#talk", "text": "Grüße\n<script>", "url": "http://localhost/w/1/c/2"}
        send_mail._send("bob@example.com", "Bob", team.id, team.user_id("member"), [line], 0)
    finally:
        controller.stop()
    (letter,) = inbox.letters
    assert letter["Subject"] == "Ada wrote to you in Acme"
    assert letter["To"] == "bob@example.com"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["List-Unsubscribe"].strip().startswith(f"<{settings.PUBLIC_URL}/notifications/unsubscribe/")
    text, html = (part.get_content() for part in letter.iter_parts())  # type: ignore[attr-defined]
    assert "Grüße" in text
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
