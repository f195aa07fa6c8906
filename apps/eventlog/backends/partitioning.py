"""Which partition a stream lies in. Fixed for ever: another answer would tear a stream's order apart."""

import zlib


def partition_of(key: str, partitions: int) -> int:
    """CRC-32 of the key's UTF-8, modulo the number of partitions."""
    return zlib.crc32(key.encode()) % partitions
