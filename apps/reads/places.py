"""The arithmetic of unread messages: places in a scope, of which some are deleted and some one's own."""

from collections.abc import Iterable, Mapping

from apps.reads.models import BLOCK


def unread(*, count: int, n: int, deleted: Mapping[int, bytes], own: Iterable[int] = ()) -> int:
    """Messages after `n` up to `count` that are neither deleted nor one's own. `deleted`: block -> its bits."""
    if count <= n:
        return 0
    gone = 0
    for block, bits in deleted.items():
        first = block * BLOCK + 1
        mask = _between(max(n + 1, first) - first, min(count, first + BLOCK - 1) - first)
        gone += (int.from_bytes(bits, "little") & mask).bit_count()
    mine = sum(1 for place in set(own) if n < place <= count and not is_set(deleted, place))
    return max(0, count - n - gone - mine)


def is_set(deleted: Mapping[int, bytes], place: int) -> bool:
    bits = deleted.get(block_of(place))
    return bits is not None and bool(int.from_bytes(bits, "little") >> ((place - 1) % BLOCK) & 1)


def block_of(place: int) -> int:
    return (place - 1) // BLOCK


def with_bit(bits: bytes, place: int) -> bytes:
    return (int.from_bytes(bits, "little") | 1 << (place - 1) % BLOCK).to_bytes(BLOCK // 8, "little")


def pack(own: Iterable[int]) -> str:
    return ",".join(map(str, sorted(own)))


def unpack(own: str) -> list[int]:
    return [int(part) for part in own.split(",") if part]


def _between(first: int, last: int) -> int:
    """A mask of the bits `first` to `last`, both included; 0 when there are none."""
    return (1 << last + 1) - (1 << first) if last >= first else 0
