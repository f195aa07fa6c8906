"""The letters of this room."""

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from apps.accounts.locale import spoken_to
from apps.accounts.models import User


def send_password_reset(email: str) -> bool:
    """Whether there was somebody to write to. The link is made here, so that no token waits in a queue."""
    user = User.objects.filter(email=email, is_bot=False, is_active=True).first()
    if user is None or user.email is None:
        return False
    uid = urlsafe_base64_encode(force_bytes(str(user.pk)))
    url = f"{settings.PUBLIC_URL}/password/reset/{uid}/{default_token_generator.make_token(user)}"
    about = {
        "name": user.name,
        "url": url,
        "minutes": settings.PASSWORD_RESET_TIMEOUT // 60,
        "site": settings.PUBLIC_URL,
    }
    with spoken_to(user):
        body = render_to_string("mail/password_reset.txt", about)
        send_mail(_("Reset your slackclone password"), body, None, [user.email])
    return True
