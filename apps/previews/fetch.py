"""Fetch a page that somebody linked, from where nothing else of ours may be reached.

A name is resolved once, every address that it has must be public, and the connection goes to one of exactly those: a
name that answers differently a moment later changes nothing. Each redirect goes the same way. No cookies, no proxy, no
compression; a page has SECONDS and BYTES, and is HTML.
"""

import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from urllib.parse import urljoin, urlsplit

from apps.previews.addresses import is_public

SECONDS = 6.0
BYTES = 512 * 1024
REDIRECTS = 3
URL_MAX = 2000
PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]{2,45}")
_CHUNK = 16 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[str, int, float], socket.socket]
Permitted = Callable[[str, int], bool]


class RefusedError(Exception):
    """Not fetched, or not what could be shown. The text is for the log only."""


def resolve(host: str, port: int) -> Sequence[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RefusedError("no such host") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connect(address: str, port: int, timeout_s: float) -> socket.socket:
    return socket.create_connection((address, port), timeout=timeout_s)


def public_only(address: str, port: int) -> bool:
    return is_public(address) and port in PORTS.values()


def fetch(
    url: str, *, resolve: Resolve = resolve, connect: Connect = connect, permitted: Permitted = public_only
) -> tuple[str, str]:
    """(the address at which it ended, the HTML). Raises RefusedError."""
    deadline = time.monotonic() + SECONDS
    for _ in range(REDIRECTS + 1):
        found = _request(url, deadline, resolve, connect, permitted)
        if isinstance(found, bytes):
            return url, found.decode("utf-8", "replace")
        url = urljoin(url, found)
    raise RefusedError("too many redirects")


def _request(url: str, deadline: float, resolve: Resolve, connect: Connect, permitted: Permitted) -> bytes | str:
    """The body, or where it says to go. Raises RefusedError."""
    scheme, host, port, target = _parts(url)
    addresses = resolve(host, port)
    if not addresses or not all(permitted(address, port) for address in addresses):
        raise RefusedError("not a public address")
    connection = http.client.HTTPConnection(host, port)
    try:
        plain = connect(addresses[0], port, _left(deadline))
        plain.settimeout(_left(deadline))
        connection.sock = plain
        if scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        connection.request(
            "GET",
            target,
            headers={
                "Host": host if port in PORTS.values() else f"{host}:{port}",
                "User-Agent": "slackclone-preview",
                "Accept": "text/html",
                "Accept-Encoding": "identity",
                "Connection": "close",
            },
        )
        answer = connection.getresponse()
        location = answer.headers.get("Location")
        if answer.status in _REDIRECTS and location:
            return location
        if answer.status != http.HTTPStatus.OK or answer.headers.get("Content-Encoding"):
            raise RefusedError(f"status {answer.status}")
        if answer.headers.get_content_type() not in {"text/html", "application/xhtml+xml"}:
            raise RefusedError("not a page")
        return _body(answer, connection, deadline)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise RefusedError(str(error)) from error
    finally:
        connection.close()


def _body(answer: http.client.HTTPResponse, connection: http.client.HTTPConnection, deadline: float) -> bytes:
    """What comes within the limits: a head is enough for a title."""
    read = bytearray()
    while len(read) < BYTES:
        if connection.sock is not None:
            connection.sock.settimeout(_left(deadline))
        chunk = answer.read1(_CHUNK)
        if not chunk:
            break
        read += chunk
        _left(deadline)
    return bytes(read[:BYTES])


def _parts(url: str) -> tuple[str, str, int, str]:
    """Raises RefusedError."""
    if len(url) > URL_MAX or any(char.isspace() or not char.isprintable() for char in url):
        raise RefusedError("not an address")
    try:
        split = urlsplit(url)
        host = (split.hostname or "").encode("idna").decode().lower() if split.hostname else ""
        port = split.port or PORTS.get(split.scheme, 0)
    except (ValueError, UnicodeError) as error:
        raise RefusedError("not an address") from error
    if split.scheme not in PORTS or not _HOST.fullmatch(host) or "@" in split.netloc or not port:
        raise RefusedError("not an address that is fetched")
    path = (split.path or "/") + (f"?{split.query}" if split.query else "")
    return split.scheme, host, port, re.sub(r"[^\x21-\x7e]", lambda found: _percent(found[0]), path)


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise RefusedError("too slow")
    return left
