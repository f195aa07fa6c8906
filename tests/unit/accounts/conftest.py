from tests.unit.accounts.fixtures import ann, bob, make_user, quick

__all__ = ["ann", "bob", "make_user", "quick"]
