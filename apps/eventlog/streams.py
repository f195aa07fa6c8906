"""Names of streams: `c:<channel id>`, `u:<user id>`, `w:<workspace id>`."""

from typing import Literal, NamedTuple, cast

Kind = Literal["c", "u", "w"]
_KINDS = frozenset("cuw")
_MAX_LENGTH = 22


class Stream(NamedTuple):
    kind: Kind
    id: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


def channel(channel_id: int) -> str:
    return f"c:{channel_id}"


def user(user_id: int) -> str:
    return f"u:{user_id}"


def workspace(workspace_id: int) -> str:
    return f"w:{workspace_id}"


def parse(name: object) -> Stream | None:
    """The stream that `name` names, or None when it names none."""
    if not isinstance(name, str) or len(name) > _MAX_LENGTH or name[1:2] != ":" or name[0] not in _KINDS:
        return None
    digits = name[2:]
    if not (digits.isascii() and digits.isdigit()) or digits[0] == "0" or int(digits) >= 1 << 63:
        return None
    return Stream(cast("Kind", name[0]), int(digits))
