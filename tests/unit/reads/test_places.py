"""Unread is arithmetic, and the same as counting."""

from hypothesis import given
from hypothesis import strategies as st

from apps.reads import places
from apps.reads.models import BLOCK

PLACES = st.integers(1, 3 * BLOCK)


@given(
    count=st.integers(0, 3 * BLOCK),
    n=st.integers(0, 4 * BLOCK),
    gone=st.sets(PLACES, max_size=30),
    own=st.sets(PLACES, max_size=30),
)
def test_it_equals_a_count_one_by_one(count: int, n: int, gone: set[int], own: set[int]) -> None:
    blocks: dict[int, bytes] = {}
    for place in gone:
        blocks[places.block_of(place)] = places.with_bit(blocks.get(places.block_of(place), b""), place)
    one_by_one = sum(1 for place in range(n + 1, count + 1) if place not in gone and place not in own)
    assert places.unread(count=count, n=n, deleted=blocks, own=places.unpack(places.pack(own))) == one_by_one


def test_a_marker_beyond_the_end_leaves_nothing() -> None:
    assert places.unread(count=3, n=9, deleted={}) == 0
