"""Which Web Push endpoints the server calls: a person names the address, so only known push services are."""

from urllib.parse import urlsplit

from django.conf import settings

from apps.core.errors import InvalidError


def is_allowed(url: str) -> bool:
    """An https address of a host of WEB_PUSH_HOSTS or below one; plain http only to an origin that is listed whole."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if host is None or "@" in parts.netloc:
        return False
    if f"{parts.scheme}://{parts.netloc}" in settings.WEB_PUSH_HOSTS:
        return True
    if parts.scheme != "https" or port not in {None, 443}:
        return False
    return any(host == known or host.endswith(f".{known}") for known in settings.WEB_PUSH_HOSTS)


def require(url: str) -> None:
    """Raises InvalidError."""
    if not is_allowed(url):
        raise InvalidError(errors={"token": ["Not an endpoint of a push service that this server knows."]})
