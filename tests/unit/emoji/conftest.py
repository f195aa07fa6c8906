from tests.unit.accounts.fixtures import make_user
from tests.unit.workspaces.fixtures import Team, team

__all__ = ["Team", "make_user", "team"]
