"""What the three push services share: one HTTP client each, deadlines, and a pause when a service asks for one."""

import email.utils
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from apps.notifications.ports import Outcome

DEADLINE_S = 10.0
CONNECTIONS = 64
RETRY_MAX_S = 600.0
_FIRST_RETRY_S = 2.0


def retry_after_s(answer: httpx.Response) -> float:
    """Seconds of a Retry-After header, as a number or a date; 0 when there is none that can be read."""
    given = answer.headers.get("retry-after", "").strip()
    if given.isdigit():
        return min(float(given), RETRY_MAX_S)
    try:
        moment = email.utils.parsedate_to_datetime(given)
    except (TypeError, ValueError):
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(tz=UTC)).total_seconds(), 0.0), RETRY_MAX_S)


class Service:
    """The client is made at the first use, in the loop that uses it."""

    def __init__(self, *, http2: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._http2 = http2
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._paused_until = 0.0

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def paused(self) -> Outcome | None:
        """While the service wants to be left alone."""
        left = self._paused_until - self._clock()
        return Outcome("later", left, "the service asked for a pause") if left > 0 else None

    def later(self, answer: httpx.Response) -> Outcome:
        """It is overloaded or ill; a named pause holds for everything that goes there."""
        wanted = retry_after_s(answer)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._paused_until = max(self._paused_until, self._clock() + max(wanted, 1.0))
        return Outcome("later", wanted or _FIRST_RETRY_S, f"HTTP {answer.status_code}")

    async def post(self, url: str, *, headers: dict[str, str], content: bytes) -> httpx.Response | Outcome:
        if self._client is None:
            self._client = httpx.AsyncClient(
                http1=not self._http2,
                http2=self._http2,
                timeout=httpx.Timeout(DEADLINE_S),
                limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
                follow_redirects=False,
            )
        try:
            return await self._client.post(url, headers=headers, content=content)
        except (httpx.HTTPError, OSError) as error:
            return Outcome("later", _FIRST_RETRY_S, repr(error)[:200])
