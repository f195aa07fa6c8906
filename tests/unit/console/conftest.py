from collections.abc import Callable

import pytest
from django.test import Client

from tests.unit.accounts.fixtures import PASSWORD, make_user, quick
from tests.unit.workspaces.fixtures import Team, team

__all__ = ["admin", "enter", "make_user", "owner", "quick", "team"]

Enter = Callable[[str], Client]


@pytest.fixture
def enter(team: Team) -> Enter:
    """The browser of the team's person in a role, signed in through the page."""

    def browser(role: str) -> Client:
        found = Client()
        body = {"email": team.users[role].email, "password": PASSWORD}
        assert found.post("/signin", body).status_code == 302
        return found

    return browser


@pytest.fixture
def owner(enter: Enter) -> Client:
    return enter("owner")


@pytest.fixture
def admin(enter: Enter) -> Client:
    return enter("admin")
