"""The push services: one contract on three backends, each against a server that speaks its protocol; then their own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from apps.notifications.backends.push_apns import ApnsPusher
from apps.notifications.backends.push_fcm import FcmPusher
from apps.notifications.backends.push_web import WebPusher
from apps.notifications.ports import Push, Pusher, Target
from tests.harness.push import Answer, ApnsService, FcmService, WebPushService, fcm_error

PUSH = Push(tag="n-1", title="Ada", body="Grüße 👋", data={"channel_id": "9007199254740993", "url": "/w/1"})


@dataclass
class Case:
    """`dead`, `busy`, `ill`: how this service says that a token is gone, that it is asked too often, that it is ill."""

    pusher: Any
    service: Any
    targets: Callable[[str], tuple[Target, str]]
    dead: list[Answer]
    busy: Answer
    ill: Answer


async def web(settings: Any, tmp_path: Path) -> Case:
    service = WebPushService()
    await service.start()
    settings.WEB_PUSH_HOSTS = [service.url]

    def target(name: str) -> tuple[Target, str]:
        endpoint, browser = service.subscribe(name)
        return Target(endpoint, **browser.keys), f"/push/{name}"

    busy = Answer(429, None, {"retry-after": "7"})
    return Case(WebPusher(), service, target, [Answer(404), Answer(410)], busy, Answer(503))


async def fcm(settings: Any, tmp_path: Path) -> Case:
    service = FcmService()
    await service.start()
    file = tmp_path / "fcm.json"
    file.write_text(json.dumps(service.credentials()))
    settings.FCM_CREDENTIALS, settings.FCM_URL = str(file), service.url
    dead = [
        fcm_error(404, "UNREGISTERED"),
        fcm_error(403, "SENDER_ID_MISMATCH"),
        fcm_error(400, "INVALID_ARGUMENT", text="The registration token is not a valid FCM registration token"),
    ]
    busy = fcm_error(429, "QUOTA_EXCEEDED", headers={"retry-after": "7"})
    return Case(FcmPusher(), service, lambda name: (Target(name), name), dead, busy, fcm_error(503, "UNAVAILABLE"))


async def apns(settings: Any, tmp_path: Path) -> Case:
    service = ApnsService()
    await service.start()
    file = tmp_path / "key.p8"
    file.write_text(service.pem())
    settings.APNS_KEY, settings.APNS_URL = str(file), service.url
    settings.APNS_KEY_ID, settings.APNS_TEAM_ID, settings.APNS_TOPIC = "KEY", "TEAM", "org.example.chat"
    dead = [
        Answer(410, {"reason": "Unregistered", "timestamp": 1}),
        Answer(400, {"reason": "BadDeviceToken"}),
        Answer(400, {"reason": "DeviceTokenNotForTopic"}),
    ]
    busy = Answer(429, {"reason": "TooManyRequests"}, {"retry-after": "7"})
    ill = Answer(503, {"reason": "ServiceUnavailable"})
    return Case(ApnsPusher(), service, lambda name: (Target(name.encode().hex()), name.encode().hex()), dead, busy, ill)


@pytest.fixture(params=[web, fcm, apns])
async def case(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> AsyncIterator[Case]:
    made = await request.param(settings, tmp_path)
    yield made
    await made.pusher.close()
    await made.service.stop()


async def test_a_push_arrives_whole(case: Case) -> None:
    target, name = case.targets("phone")
    assert (await case.pusher.send(target, PUSH)).kind == "taken"
    (taken,) = case.service.taken
    assert taken.token == name
    said = json.dumps(taken.payload, ensure_ascii=False)
    for part in ("Grüße 👋", "Ada", "9007199254740993", "n-1"):
        assert part in said


async def test_a_dead_token_is_named_so_and_others_go_on(case: Case) -> None:
    for index, answer in enumerate(case.dead):
        target, name = case.targets(f"phone-{index}")
        case.service.script[name] = [answer]
        assert (await case.pusher.send(target, PUSH)).kind == "dead", answer
    living, _ = case.targets("living")
    assert (await case.pusher.send(living, PUSH)).kind == "taken"


async def test_an_ill_service_is_tried_again_later(case: Case) -> None:
    target, name = case.targets("phone")
    case.service.script[name] = [case.ill, Answer(200)]
    outcome = await case.pusher.send(target, PUSH)
    assert outcome.kind == "later"
    assert outcome.retry_after_s > 0
    assert (await case.pusher.send(target, PUSH)).kind == "taken"


async def test_who_asks_for_a_pause_is_left_alone_by_all(case: Case) -> None:
    target, name = case.targets("phone")
    other, other_name = case.targets("other")
    case.service.script[name] = [case.busy]
    outcome = await case.pusher.send(target, PUSH)
    assert (outcome.kind, outcome.retry_after_s) == ("later", 7.0)
    held = await case.pusher.send(other, PUSH)
    assert held.kind == "later"
    assert 6 < held.retry_after_s <= 7
    assert case.service.asked[other_name] == 0


async def test_many_at_once(case: Case) -> None:
    targets = [case.targets(f"phone-{index}")[0] for index in range(30)]
    outcomes = await asyncio.gather(*(case.pusher.send(target, PUSH) for target in targets))
    assert {outcome.kind for outcome in outcomes} == {"taken"}
    assert len({taken.token for taken in case.service.taken}) == 30


async def test_nobody_there_is_worth_another_try(case: Case) -> None:
    target, _ = case.targets("phone")
    await case.service.stop()
    assert (await case.pusher.send(target, PUSH)).kind == "later"


async def test_a_close_carries_no_words(case: Case) -> None:
    target, _ = case.targets("phone")
    assert (await case.pusher.send(target, replace(PUSH, close=True))).kind == "taken"
    assert "Grüße" not in json.dumps(case.service.taken[0].payload, ensure_ascii=False)


@pytest.mark.parametrize("make", [WebPusher, FcmPusher, ApnsPusher])
async def test_without_its_keys_a_service_is_not_asked(settings: Any, make: Callable[[], Pusher]) -> None:
    settings.VAPID_PRIVATE_KEY = settings.FCM_CREDENTIALS = settings.APNS_KEY = ""
    assert (await make().send(Target("https://x"), PUSH)).kind == "refused"


# -- what is one service's own ---------------------------------------------------------------------------------------


async def test_fcm_one_access_token_serves_many_and_a_revoked_one_is_replaced(settings: Any, tmp_path: Path) -> None:
    case = await fcm(settings, tmp_path)
    service: FcmService = case.service
    await asyncio.gather(*(case.pusher.send(Target(f"t{index}"), PUSH) for index in range(20)))
    assert len(service.granted) == 1
    service.revoked.add(service.granted[0])
    assert (await case.pusher.send(Target("t"), PUSH)).kind == "taken"
    assert len(service.granted) == 2
    message = service.taken[-1].payload
    assert message["android"]["collapse_key"] == "n-1"
    assert message["android"]["ttl"] == "14400s"
    await case.pusher.close()
    await service.stop()


async def test_apns_one_connection_and_a_stale_token_is_made_anew(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await apns(settings, tmp_path)
    service: ApnsService = case.service
    for index in range(5):
        await case.pusher.send(Target(f"{index:02x}"), PUSH)
    assert service.connections == 1
    first = service.taken[0].headers
    assert first["apns-collapse-id"] == "n-1"
    assert first["apns-push-type"] == "alert"
    service.expired.add(first["authorization"].removeprefix("bearer "))
    import time

    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 5)  # a token of the same second would be the same
    assert (await case.pusher.send(Target("ff"), PUSH)).kind == "taken"
    assert service.taken[-1].headers["authorization"] != first["authorization"]
    await case.pusher.send(Target("ff"), replace(PUSH, close=True))
    assert service.taken[-1].headers["apns-push-type"] == "background"
    await case.pusher.close()
    await service.stop()


async def test_web_push_calls_no_address_that_is_not_a_push_service(settings: Any, tmp_path: Path) -> None:
    case = await web(settings, tmp_path)
    settings.WEB_PUSH_HOSTS = ["push.example"]
    target, name = case.targets("phone")
    assert (await case.pusher.send(target, PUSH)).kind == "dead"
    assert case.service.asked[name] == 0
    await case.service.stop()


async def test_web_push_headers(settings: Any, tmp_path: Path) -> None:
    case = await web(settings, tmp_path)
    target, _ = case.targets("phone")
    await case.pusher.send(target, PUSH)
    headers = case.service.taken[0].headers
    assert headers["ttl"] == "14400"
    assert headers["urgency"] == "high"
    assert len(headers["topic"]) <= 32
    await case.pusher.close()
    await case.service.stop()
