"""What Prometheus scrapes: `GET /metrics` on a port of its own, for every role, away from what the world reaches."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

_DEADLINE_S = 5.0
_MAX_REQUEST = 16 * 1024


@contextlib.asynccontextmanager
async def served(host: str, port: int) -> AsyncIterator[int]:
    """Until the block ends; yields the port. Raises OSError when it is taken."""
    server = await asyncio.start_server(_answer, host, port, limit=_MAX_REQUEST)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # In the loop that counts, so that no figure changes while it is read.
    try:
        async with asyncio.timeout(_DEADLINE_S):
            request = await reader.readuntil(b"\r\n\r\n")
            if request.startswith((b"GET /metrics ", b"GET /metrics?")):
                writer.write(_response(b"200 OK", CONTENT_TYPE_LATEST.encode(), generate_latest()))
            else:
                writer.write(_response(b"404 Not Found", b"text/plain", b"The metrics are at /metrics.\n"))
            await writer.drain()
    except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


def _response(status: bytes, kind: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
    return head % (status, kind, len(body)) + body
