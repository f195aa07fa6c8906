"""Names of the broadcast's streams that carry presence between gateways: docs/adr/0013-presence.md."""

SHARDS = 64


def topic(user_id: int) -> str:
    """Spread by the whole id: its low bits alone are a counter that often stands at zero."""
    return f"p:{user_id * 0x9E3779B97F4A7C15 % 2**64 >> 58}"
