"""What a request tells about the program and the address behind it."""

import ipaddress
from dataclasses import dataclass
from typing import Protocol

from apps.accounts.sizes import USER_AGENT_MAX
from apps.core.text import storable


class HasMeta(Protocol):
    @property
    def META(self) -> dict[str, str]: ...  # noqa: N802 - Django's name


@dataclass(frozen=True, slots=True)
class Client:
    """`ip` is None where there is no network in between (management commands, tests)."""

    ip: str | None = None
    user_agent: str = ""

    @property
    def network(self) -> str:
        """What rate limits count by: an IPv6 subscriber holds a /64, so single addresses would say nothing."""
        if self.ip is None:
            return "local"
        address = ipaddress.ip_address(self.ip)
        return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else self.ip  # noqa: PLR2004


def client_of(request: HasMeta) -> Client:
    """REMOTE_ADDR is believed: a proxy in front is resolved by the server (uvicorn), which knows whom to trust."""
    agent = request.META.get("HTTP_USER_AGENT", "")[:USER_AGENT_MAX]
    try:
        ip = str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        ip = None
    return Client(ip=ip, user_agent=agent if storable(agent) else "")
