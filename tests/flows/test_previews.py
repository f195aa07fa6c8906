"""Link previews: who is asked, what is never reached, and taking them away."""

import asyncio
import http.server
import threading
from typing import Any

import pytest

from bench.client import ProblemError
from tests.harness.fixtures import People

DEADLINE_S = 30.0


async def test_a_link_to_the_inside_is_never_followed(people: People) -> None:
    asked: list[str] = []

    class Inside(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Inside)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        team = await people.team("Ann", "Bob")
        ann, bob = team.people
        (eve,) = await people("Eve")
        port = server.server_port
        posted = await ann.post(team.channel, f"see http://127.0.0.1:{port}/a and http://[::1]:{port}/b")
        previews = f"/v1/messages/{posted['message_id']}/previews"
        async with asyncio.timeout(DEADLINE_S):
            while (answer := await bob.rest.get(previews))["pending"]:
                await asyncio.sleep(0.3)
        assert answer == {"results": [], "pending": False}
        with pytest.raises(ProblemError) as refused:
            await eve.rest.get(previews)
        assert refused.value.code == "not_found"
        with pytest.raises(ProblemError) as refused:
            await bob.rest.delete(previews)
        assert refused.value.code == "forbidden"
        await ann.rest.delete(previews)
        plain = await ann.post(team.channel, "no link at all")
        assert (await ann.rest.get(f"/v1/messages/{plain['message_id']}/previews")) == {
            "results": [],
            "pending": False,
        }
        assert asked == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
