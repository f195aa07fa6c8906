"""What one user is to one channel: all that a policy looks at."""

from typing import NamedTuple


class Access(NamedTuple):
    """`role` is the user's active role in the workspace: owner, admin, member or guest. `kind` is Channel.kind.

    `posting`: who may begin something in it, everyone or admins; all its members may reply and react.
    """

    channel_id: int
    workspace_id: int
    kind: str
    archived: bool
    is_member: bool
    role: str
    user_id: int
    creator_id: int | None = None
    is_general: bool = False
    posting: str = "everyone"
