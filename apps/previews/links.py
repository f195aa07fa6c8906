"""The links of a message that may get a card."""

import hashlib
import hmac
import re
from html import unescape

from django.conf import settings

from apps.messaging.present import MessageView

LINKS_MAX = 3
_HREF = re.compile(r'<a href="(https?://[^"]+)"')


def links_of(message: MessageView) -> list[str]:
    """As the renderer found them: none in code, none of a deleted message."""
    if message.deleted or not message.html:
        return []
    return list(dict.fromkeys(unescape(found) for found in _HREF.findall(message.html)))[:LINKS_MAX]


def digest(workspace_id: int, url: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), f"{workspace_id}|{url}".encode(), hashlib.sha256).hexdigest()
