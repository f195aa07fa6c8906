from tests.unit.accounts.fixtures import ann, bob, make_user, quick
from tests.unit.messaging.conftest import rooms, scene, sequencing
from tests.unit.workspaces.fixtures import team

__all__ = ["ann", "bob", "make_user", "quick", "rooms", "scene", "sequencing", "team"]
