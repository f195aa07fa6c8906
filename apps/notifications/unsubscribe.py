"""The link that ends the letters of a workspace: a signed name of person and workspace, good for half a year."""

from django.conf import settings
from django.core import signing

_SALT = "notifications.unsubscribe"
_MAX_AGE_S = 180 * 24 * 3600


def url(*, user_id: int, workspace_id: int) -> str:
    token = signing.dumps([str(user_id), str(workspace_id)], salt=_SALT)
    return f"{settings.PUBLIC_URL}/notifications/unsubscribe/{token}"


def read(token: str) -> tuple[int, int] | None:
    """(user id, workspace id); None when it is not ours or too old."""
    try:
        user_id, workspace_id = signing.loads(token, salt=_SALT, max_age=_MAX_AGE_S)
        return int(user_id), int(workspace_id)
    except (signing.BadSignature, ValueError, TypeError):
        return None
