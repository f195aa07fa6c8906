"""The letters of this room."""

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts import queries as accounts
from apps.accounts.locale import spoken_to
from apps.workspaces import queries
from apps.workspaces.models import Invitation


def send_invitation(invitation_id: int, code: str) -> bool:
    """Whether there was still something to send."""
    rows = Invitation.objects.select_related("workspace", "inviter")
    invitation = rows.filter(id=invitation_id).first()
    if invitation is None or invitation.email is None or not queries.usable(invitation):
        return False
    names = {"inviter": invitation.inviter.name, "workspace": invitation.workspace.name}
    about = names | {"url": f"{settings.PUBLIC_URL}/invite/{code}", "expires_at": invitation.expires_at}
    # Who has no account yet is most likely to read what the inviter reads.
    with spoken_to(accounts.person_at(invitation.email) or invitation.inviter):
        zone = timezone.localtime(
            invitation.expires_at
        ).tzname()  # a template leaves it out of an hour that comes twice
        body = render_to_string("mail/invitation.txt", about | {"zone": zone})
        send_mail(_("{inviter} invites you to {workspace}").format(**names), body, None, [invitation.email])
    return True
