import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.eventlog import streams
from apps.eventlog.backends.partitioning import partition_of


@given(st.sampled_from("cuw"), st.integers(1, (1 << 63) - 1))
def test_names_are_read_back(kind: str, number: int) -> None:
    name = {"c": streams.channel, "u": streams.user, "w": streams.workspace}[kind](number)
    stream = streams.parse(name)
    assert stream is not None
    assert (stream.kind, stream.id, str(stream)) == (kind, number, name)


@pytest.mark.parametrize(
    "name",
    ["", "c", "c:", "c:0", "c:01", "c:-1", "c:1 ", " c:1", "x:1", "c:١", "c:1\n", f"c:{1 << 63}", 7, None, b"c:1"],
)
def test_what_names_no_stream(name: object) -> None:
    assert streams.parse(name) is None


def test_a_stream_never_moves() -> None:
    # Written down: a change would tear the order of every stream that is in a log already.
    assert [partition_of(f"c:{number}", 16) for number in range(1, 9)] == PLACES
    assert [partition_of(f"c:{number}", 4) for number in range(1, 9)] == [place % 4 for place in PLACES]


PLACES = [8, 2, 4, 7, 1, 11, 13, 12]
