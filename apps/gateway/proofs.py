"""Who opens a socket. After a gateway died its thousands come within seconds, so many proofs are looked up at once."""

from collections.abc import Callable, Collection, Sequence

from apps.accounts import queries as accounts
from apps.accounts.principal import Principal
from apps.core import threads
from apps.core.batching import Batcher
from apps.core.errors import UnauthenticatedError

_AT_ONCE = 200
Answers = dict[str, Principal | UnauthenticatedError]


class Proofs:
    def __init__(self) -> None:
        self._tokens = _batcher(accounts.authenticate_tokens)
        self._cookies = _batcher(accounts.authenticate_cookies)
        self._ended: Batcher[int, bool] = Batcher(_ended, at_once=_AT_ONCE)

    async def of_token(self, token: str) -> Principal:
        """Raises UnauthenticatedError."""
        return _principal(await self._tokens.ask(token))

    async def of_cookie(self, session_key: str) -> Principal:
        """Raises UnauthenticatedError."""
        return _principal(await self._cookies.ask(session_key))

    async def ended(self, proof_id: int | None) -> bool:
        """Whether it was revoked since. To be asked once a revocation would be heard: before, nobody listens for it."""
        return proof_id is not None and bool(await self._ended.ask(proof_id))


async def _ended(proof_ids: Sequence[int]) -> dict[int, bool]:
    return dict.fromkeys(await threads.read(lambda: accounts.ended(proof_ids)), True)


def _batcher(look_up: Callable[[Collection[str]], Answers]) -> Batcher[str, Principal | UnauthenticatedError]:
    async def fetch(keys: Sequence[str]) -> Answers:
        return await threads.read(lambda: look_up(keys))

    return Batcher(fetch, at_once=_AT_ONCE)


def _principal(answer: Principal | UnauthenticatedError | None) -> Principal:
    if isinstance(answer, Principal):
        return answer
    raise answer or UnauthenticatedError()
