from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from apps.presence.typists import SHOWN_MAX, TTL_MS, Key, Typists

keys = st.builds(Key, st.integers(1, 4), st.sampled_from([None, 7]))
maps = st.dictionaries(keys, st.tuples(st.integers(1, 20_000), st.booleans()), max_size=6).map(Typists)


def merged(*several: Typists) -> dict[Key, tuple[int, bool]]:
    made = Typists()
    for one in several:
        made.merge(one.stamps)
    return made.stamps


@given(maps, maps)
def test_the_order_does_not_matter(a: Typists, b: Typists) -> None:
    assert merged(a, b) == merged(b, a)


@given(maps, maps, maps)
def test_how_they_are_grouped_does_not_matter(a: Typists, b: Typists, c: Typists) -> None:
    assert merged(Typists(merged(a, b)), c) == merged(a, Typists(merged(b, c)))


@given(maps, maps)
def test_hearing_it_twice_changes_nothing(a: Typists, b: Typists) -> None:
    once = Typists(merged(a, b))
    assert not once.merge(b.stamps)
    assert not once.merge(a.stamps)


@given(st.lists(maps, min_size=2, max_size=4), st.integers(0, 30_000))
def test_everyone_ends_up_the_same_also_who_forgets_what_is_over(several: list[Typists], now: int) -> None:
    shown = []
    for order in permutations(several):
        keeps, forgets = Typists(), Typists()
        for one in order:
            keeps.merge(one.stamps)
            forgets.merge(one.stamps)
            forgets.prune(now)
        assert keeps.shown(now) == forgets.shown(now)
        shown.append(keeps.shown(now))
    assert all(one == shown[0] for one in shown)


@given(maps, st.integers(0, 30_000))
def test_what_was_set_is_over_after_its_time(a: Typists, now: int) -> None:
    for key, left in a.shown(now).items():
        assert 0 < left <= TTL_MS
        if a.stamps[key][0] <= now:  # what claims to be of the future is refused at the door
            assert key not in a.shown(now + left)
    assert not a.shown(20_000 + TTL_MS)
    a.prune(20_000 + TTL_MS)
    assert not a.stamps


def test_the_last_word_counts_and_of_two_at_once_the_one_that_clears() -> None:
    key = Key(1, None)
    typists = Typists()
    assert typists.put(key, 1000, on=True)
    assert not typists.put(key, 900, on=False)
    assert typists.shown(1000) == {key: TTL_MS}
    assert typists.put(key, 1000, on=False)
    assert typists.shown(1000) == {}


def test_a_crowd_is_cut_to_those_who_began_last() -> None:
    typists = Typists({Key(number, None): (number, False) for number in range(1, 101)})
    assert list(typists.shown(200)) == [Key(number, None) for number in range(100, 100 - SHOWN_MAX, -1)]
