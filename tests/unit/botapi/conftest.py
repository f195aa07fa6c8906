from tests.unit.accounts.fixtures import ann, bob, make_user, quick
from tests.unit.web.fixtures import heads
from tests.unit.workspaces.fixtures import team

__all__ = ["ann", "bob", "heads", "make_user", "quick", "team"]
