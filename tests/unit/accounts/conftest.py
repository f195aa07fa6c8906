from tests.unit.accounts.fixtures import *  # noqa: F403 - fixtures
