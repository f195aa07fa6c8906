from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.principal import Principal
from apps.gateway import registry, ring
from apps.gateway.backends.gateways_memory import MemoryGateways


class Alive(MemoryGateways):
    def __init__(self, alive: dict[str, str] | None) -> None:
        super().__init__()
        self._alive = alive

    async def alive(self) -> dict[str, str] | None:
        return self._alive


def ask(monkeypatch: pytest.MonkeyPatch, alive: dict[str, str] | None) -> Any:
    monkeypatch.setattr(registry, "gateways", lambda: Alive(alive))
    client = APIClient()
    user = User(id=5, email="a@example.com", name="A")
    client.force_authenticate(user, token=Principal(user_id=5, session_id=1))  # type: ignore[arg-type]  # as our authentication does
    return client.get("/v1/gateway")


def test_the_ring_names_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    alive = {name: f"wss://{name}/v1/socket" for name in ("a", "b", "c")}
    answer = ask(monkeypatch, alive)
    name = ring.choose(5, alive)
    assert answer.json() == {"gateway": name, "url": f"wss://{name}/v1/socket", "expires_in": 30}


def test_no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask(monkeypatch, {})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


def test_while_the_table_cannot_be_read_any_gateway_will_do(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.GATEWAY_URL = "wss://any/v1/socket"
    answer = ask(monkeypatch, None)
    assert answer.json()["url"] == "wss://any/v1/socket"


def test_who_is_nobody_is_told_nothing() -> None:
    assert APIClient().get("/v1/gateway").status_code == 401
