from tests.unit.accounts.fixtures import ann, bob, make_user, quick
from tests.unit.workspaces.fixtures import team

__all__ = ["ann", "bob", "make_user", "quick", "team"]
