"""Who is calling: what every door hands to an action."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """`scopes` None means everything; `expires_at_ms` is when the proof runs out, None: when it is revoked.

    `session_id` names the proof that can be revoked: the session's id, or the token's for a bot. It is None for callers
    inside the process (seeding, tests).
    """

    user_id: int
    session_id: int | None = None
    is_bot: bool = False
    scopes: frozenset[str] | None = None
    expires_at_ms: int | None = None
