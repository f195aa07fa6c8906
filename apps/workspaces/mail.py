"""The letters of this room."""

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string

from apps.workspaces import queries
from apps.workspaces.models import Invitation


def send_invitation(invitation_id: int, code: str) -> bool:
    """Whether there was still something to send."""
    rows = Invitation.objects.select_related("workspace", "inviter")
    invitation = rows.filter(id=invitation_id).first()
    if invitation is None or invitation.email is None or not queries.usable(invitation):
        return False
    body = render_to_string(
        "mail/invitation.txt",
        {
            "inviter": invitation.inviter.name,
            "workspace": invitation.workspace.name,
            "url": f"{settings.PUBLIC_URL}/invite/{code}",
            "expires_at": invitation.expires_at,
        },
    )
    subject = f"{invitation.inviter.name} invites you to {invitation.workspace.name}"
    send_mail(subject, body, None, [invitation.email])
    return True
