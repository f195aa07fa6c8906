"""Push services on loopback for `bench notify`, in a process of their own, and the devices that they know.

`python -m bench.pushes serve` prints where they are, then answers each line of standard input with the counts so far.
`python -m bench.pushes seed`, in the product's environment, reads {"devices", "online", "web"} from standard input,
writes a device for each of the first, and keeps the others online until its standard input ends.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from typing import Any

from tests.harness.push import Answer, ApnsService, Browser, FcmService, Request, Service, WebPushService

_BEAT_S = 5.0


class Counting:
    """By device and collapse key, how often."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def counts(self) -> dict[str, int]:
        return {"pushes": sum(self.seen.values()), "distinct": len(self.seen)}


def counted(kind: type[Service], counting: Counting) -> Service:
    """The service without its checks of signatures, which would take longer than the product's own work."""
    service = kind()

    async def answer(request: Request) -> Answer:
        headers = request.headers
        if request.path == "/token":
            return Answer(200, {"access_token": "bench", "expires_in": 3599})
        if isinstance(service, FcmService):
            message = json.loads(request.body)["message"]
            counting.seen[f"{message['token']} {message['android']['collapse_key']}"] += 1
            return Answer(200, {"name": "1"})
        key = headers["topic"] if isinstance(service, WebPushService) else headers["apns-collapse-id"]
        counting.seen[f"{request.path} {key}"] += 1
        return Answer(201 if isinstance(service, WebPushService) else 200)

    service.answer = answer  # type: ignore[method-assign]
    return service


async def serve() -> None:
    counting = Counting()
    web, fcm, apns = (counted(kind, counting) for kind in (WebPushService, FcmService, ApnsService))
    for service in (web, fcm, apns):
        await service.start()
    assert isinstance(fcm, FcmService)
    assert isinstance(apns, ApnsService)
    where = {"web": web.url, "fcm": fcm.url, "apns": apns.url, "account": fcm.credentials(), "p8": apns.pem()}
    print(json.dumps(where), flush=True)
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(json.dumps(counting.counts()), flush=True)


def seed() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slackclone.settings")
    import django

    django.setup()
    from apps.core import ids
    from apps.eventlog import leases
    from apps.notifications.actions.devices import hash_of
    from apps.notifications.models import Device

    asked: dict[str, Any] = json.loads(sys.stdin.readline())
    lease = leases.hold()
    keys = Browser().keys
    rows = []
    for index, user_id in enumerate(asked["devices"]):
        kind = ("webpush", "fcm", "apns")[index % 3]
        token = {"webpush": f"{asked['web']}/push/{index}", "fcm": f"fcm-{index}", "apns": f"{index:064x}"}[kind]
        subscription = keys if kind == "webpush" else {}
        digest = hash_of(kind, token)
        rows.append(
            Device(id=ids.new_id(), user_id=int(user_id), kind=kind, token=token, token_hash=digest, **subscription)
        )
    Device.objects.bulk_create(rows, batch_size=500)
    lease.release()
    print("seeded", flush=True)
    asyncio.run(stay_online([int(user_id) for user_id in asked["online"]]))


async def stay_online(user_ids: list[int]) -> None:
    from apps.presence.ports import MAX_IDS
    from apps.presence.registry import presence

    await presence().beat("bench", lease_s=60)
    for start in range(0, len(user_ids), MAX_IDS):
        await presence().put("bench", dict.fromkeys(user_ids[start : start + MAX_IDS], "online"))
    print("online", flush=True)
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.read)
    while not ended.done():
        await asyncio.wait([ended], timeout=_BEAT_S)
        await presence().beat("bench", lease_s=60)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve())
    else:
        seed()
