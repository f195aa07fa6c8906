"""For one process: its gateway is the only one."""

from collections.abc import Collection


class MemoryGateways:
    def __init__(self) -> None:
        self._gateways: dict[str, str] = {}
        self._users: dict[int, str] = {}

    async def register(self, gateway: str, url: str, *, lease_s: int) -> bool:
        del lease_s  # the process and its table end together
        known = gateway in self._gateways
        self._gateways[gateway] = url
        return known

    async def withdraw(self, gateway: str) -> None:
        self._gateways.pop(gateway, None)

    async def alive(self) -> dict[str, str] | None:
        return dict(self._gateways)

    async def claim(self, gateway: str, user_ids: Collection[int], *, lease_s: int) -> bool:
        del lease_s
        self._users.update(dict.fromkeys(user_ids, gateway))
        return True

    async def release(self, gateway: str, user_ids: Collection[int]) -> None:
        for user_id in user_ids:
            if self._users.get(user_id) == gateway:
                del self._users[user_id]

    async def gateway_of(self, user_id: int) -> str | None:
        gateway = self._users.get(user_id)
        return gateway if gateway in self._gateways else None
