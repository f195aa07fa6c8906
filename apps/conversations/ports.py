"""The port of this room: a cache of who is in which channel."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

Pair = tuple[int, int]  # (channel id, user id)


class Members(Protocol):
    async def contains(self, pairs: Collection[Pair]) -> Mapping[Pair, bool]:
        """For each pair whether the user is a member of the channel.

        Exact: a membership whose change was reported through `changed` (and `changed` returned) is seen as it is now,
        in every process, also when the backend was unreachable meanwhile.
        """
        ...

    def changed(self, channel_id: int, *, version: int, added: Sequence[int] = (), removed: Sequence[int] = ()) -> None:
        """Members came or went in a committed transaction that set Channel.members_version to `version`.

        To be called from a thread, right after the commit; with `removed` it may wait until old answers have died out.
        """
        ...
