from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from apps.gateway.ring import choose

USERS = range(1, 20_001)
GATEWAYS = [f"gateway-{number}" for number in range(8)]


def test_users_spread_evenly() -> None:
    shares = Counter(choose(user, GATEWAYS) for user in USERS)
    assert max(shares.values()) < 1.1 * len(USERS) / len(GATEWAYS)


def test_one_gateway_of_n_moves_about_one_nth() -> None:
    before = {user: choose(user, GATEWAYS) for user in USERS}
    after = {user: choose(user, GATEWAYS[:-1]) for user in USERS}
    moved = [user for user in USERS if before[user] != after[user]]
    assert all(before[user] == GATEWAYS[-1] for user in moved)
    assert abs(len(moved) - len(USERS) / len(GATEWAYS)) < 0.1 * len(USERS) / len(GATEWAYS)


@given(st.integers(1, 1 << 62), st.sets(st.sampled_from(GATEWAYS)))
def test_the_order_of_the_list_does_not_matter(user: int, gateways: set[str]) -> None:
    assert choose(user, sorted(gateways)) == choose(user, sorted(gateways, reverse=True))
    assert choose(user, []) is None
