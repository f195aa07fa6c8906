"""A client in a process of its own, which a test can stop dead: `python -m tests.harness.elsewhere`.

Reads {"url", "token", "streams"} from standard input, says "following" when it follows them, and goes on until the end
of its input.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

from bench.client import Person, SocketClient
from bench.product import ROOT


@contextlib.contextmanager
def client_elsewhere(person: Person, *streams: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.harness.elsewhere"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        asked = {"url": person.base_url, "token": person.rest.token, "streams": streams}
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "following\n"
        yield process
    finally:
        process.kill()
        process.communicate()


async def follow() -> None:
    asked = json.loads(sys.stdin.readline())

    async def token() -> str:
        return str(asked["token"])

    async with SocketClient(asked["url"], token) as socket:
        await socket.subscribe(*asked["streams"])
        print("following", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(follow())
