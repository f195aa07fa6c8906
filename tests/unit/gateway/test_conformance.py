"""Autobahn's cases of RFC 6455, driven by kosoku, against the server below the consumer."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from apps.gateway import server
from tests.unit.gateway.conftest import serving

EXCLUDED = {
    "12.*": "permessage-deflate is not offered: frames are built once for all; deflate keeps 64 KiB of state a socket",
    "13.*": "the same, with its parameters",
}
# Passed in another way than the strictest.
EXCEPTIONS = {
    "6.4.1": ("NON-STRICT", "a text is checked when it is whole, not fragment by fragment: it is at most 64 KiB"),
    "6.4.2": ("NON-STRICT", "the same"),
    "6.4.3": ("NON-STRICT", "the same"),
    "6.4.4": ("NON-STRICT", "the same"),
    "7.1.6": ("INFORMATIONAL", "whether a large message is answered before the close that follows it is left open"),
    "7.13.1": ("INFORMATIONAL", "the answer to a close code of 5000 is left open; ours is 1002"),
    "7.13.2": ("INFORMATIONAL", "the answer to a close code of 65535 is left open; ours is 1002"),
}
# Far above what we serve with: the cases of part 9 send messages of 16 MiB.
MAX_FRAME = 32 * 1024 * 1024
CLIENT = Path(__file__).with_name("conformance_client.py")


class Echo:
    connection: Any

    def on_message(self, payload: bytes, *, text: bool) -> None:
        self.connection.write(server.frame(payload, 1 if text else 2))

    def on_ping(self) -> None:
        return

    def on_held(self, _size: int) -> None:
        return

    def on_lost(self) -> None:
        return


async def application(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    echo = Echo()
    echo.connection = scope["extensions"][server.EXTENSION](echo)


@pytest.mark.timeout(180)
async def test_the_server_conforms_to_rfc_6455() -> None:
    config = server.make_server(application, max_frame_bytes=MAX_FRAME).config
    async with serving(application, config) as port:
        client = await asyncio.create_subprocess_exec(
            sys.executable, str(CLIENT), f"ws://127.0.0.1:{port}", *EXCLUDED, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await client.communicate()
    results = json.loads(output)
    assert len(results) > 290
    assert [result for result in results if not result["passed"]] == []
    otherwise = {result["case"]: result["behavior"] for result in results if result["behavior"] != "OK"}
    assert otherwise == {case: behavior for case, (behavior, _) in EXCEPTIONS.items()}
