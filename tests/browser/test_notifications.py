"""Notifications in real Chromium: settings and mutes, and a push from the post to the notification on screen.

Chromium can't subscribe without Google's push service, so the one hop between the push service and the browser is
played: the server encrypts for a subscription whose keys are ours and sends it to a push service on loopback, and what
that opens is handed to the real service worker by DevTools, as Chromium hands over what it received itself.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from bench.client import Person
from bench.product import Product
from tests.browser.pages import Window, chromium
from tests.harness.push import WebPushService

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


async def test_settings_are_kept_and_a_muted_channel_is_quiet(browser: Browser, embedded: Product) -> None:
    ann = await Window.open(browser, embedded.url)
    await ann.sign_up("Ann Archer", f"ann-{secrets.token_hex(4)}@example.com")
    await ann.create_workspace("Bell Ringers")
    await ann.create_channel("belfry")
    page = ann.page
    other = await ann.context.new_page()
    await other.goto(page.url)
    await expect(other.get_by_test_id("channel-bell")).to_be_visible()

    await page.get_by_test_id("channel-bell").click()
    dialog = page.get_by_test_id("channel-notifications")
    await dialog.get_by_role("button", name="Until I turn it off").click()
    await expect(dialog.get_by_role("button", name="Unmute")).to_be_visible()
    await dialog.get_by_role("radio", name="Every message").check()
    await page.keyboard.press("Escape")
    # the other tab follows
    await expect(other.locator("[data-testid=sidebar-channel].side-muted")).to_contain_text("belfry")
    await expect(other.get_by_role("button", name="Notifications: muted")).to_be_visible()

    await page.get_by_test_id("user-menu").click()
    await page.get_by_role("menuitem", name="Settings").click()
    await page.get_by_role("tab", name="Notifications").click()
    settings = page.get_by_test_id("notification-settings")
    await settings.get_by_role("radio", name="Nothing").check()
    await settings.get_by_role("textbox", name="Your words").fill("kettle, on call")
    await settings.get_by_role("button", name="Save the words").click()
    await expect(settings.get_by_role("button", name="Save the words")).to_be_disabled()
    await page.reload()
    await page.get_by_test_id("user-menu").click()
    await page.get_by_role("menuitem", name="Settings").click()
    await page.get_by_role("tab", name="Notifications").click()
    await expect(page.get_by_role("radio", name="Nothing")).to_be_checked()
    await expect(page.get_by_role("textbox", name="Your words")).to_have_value("kettle, on call")
    assert ann.faults == []


async def test_a_direct_message_becomes_a_notification_of_the_service_worker(
    browser: Browser, product_factory: Callable[..., Product]
) -> None:
    service = WebPushService()
    await service.start()
    product = await asyncio.to_thread(product_factory, "embedded", env={"WEB_PUSH_HOSTS": service.url})
    window = await Window.open(browser, product.url)
    await window.context.grant_permissions(["notifications"])
    address = f"bob-{secrets.token_hex(4)}@example.com"
    await window.sign_up("Bob Baker", address)
    await window.create_workspace("Quiet House")
    page = window.page
    await page.evaluate("navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready)")

    endpoint, subscription = service.subscribe("chromium")
    device = {"kind": "webpush", "token": endpoint, "keys": subscription.keys}
    assert await page.evaluate(_REGISTER, device) == 201
    bob_id = (await page.evaluate("fetch('/v1/me').then((answer) => answer.json())"))["id"]
    link = await window.invitation_link()
    ann = await Person.sign_up(product.url, "Ann Archer")
    workspace = await ann.rest.post(f"/v1/invites/{link.rpartition('/')[2]}/accept")
    direct = await ann.rest.post(f"/v1/workspaces/{workspace['id']}/channels", {"kind": "dm", "members": [bob_id]})
    # nobody is looking: Bob's window is gone from the gateway's point of view
    tools = await window.context.new_cdp_session(page)
    registration = await _registration(tools)
    await page.goto("about:blank")
    posted = await ann.post(direct, "Are you **awake**?")
    (taken,) = await service.wait_for(1, timeout_s=40)
    assert taken.payload["data"]["message_id"] == posted["message_id"]

    await page.goto(f"{product.url}/signin")
    await _deliver(tools, product.url, registration, taken.payload)
    await _shows(page, [{"title": "Ann Archer", "body": "Are you awake?", "tag": f"n-{posted['message_id']}"}])
    # a repeat takes its place, a close takes it away
    await _deliver(tools, product.url, registration, taken.payload | {"quiet": True})
    await _deliver(tools, product.url, registration, taken.payload | {"tag": "another", "title": "Later"})
    await _shows(page, [{"tag": f"n-{posted['message_id']}"}, {"tag": "another"}])
    await _deliver(tools, product.url, registration, {"tag": taken.payload["tag"], "close": True})
    await _shows(page, [{"tag": "another"}])
    await ann.close()
    await service.stop()


_REGISTER = """async (device) => {
  const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
  const headers = {"content-type": "application/json", "x-csrftoken": token};
  return (await fetch("/v1/me/devices", {method: "POST", headers, body: JSON.stringify(device)})).status;
}"""
_SHOWN = """async () => {
  const registration = await navigator.serviceWorker.getRegistration("/");
  const shown = await registration.getNotifications();
  return shown.map(({title, body, tag}) => ({title, body, tag}));
}"""


async def _shows(page: Page, expected: list[dict[str, str]]) -> None:
    """Soon: a push is delivered and handled beside the page."""
    async with asyncio.timeout(15):
        while True:
            shown = await page.evaluate(_SHOWN)
            if len(shown) == len(expected) and all(
                want.items() <= have.items()
                for want, have in zip(expected, sorted(shown, key=lambda one: one["tag"] == "another"), strict=True)
            ):
                return
            await asyncio.sleep(0.05)


async def _registration(tools: Any) -> str:
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_updated(event: dict[str, Any]) -> None:
        for one in event["registrations"]:
            if not one["isDeleted"] and not found.done():
                found.set_result(one["registrationId"])

    tools.on("ServiceWorker.workerRegistrationUpdated", on_updated)
    await tools.send("ServiceWorker.enable")
    return await asyncio.wait_for(found, 10)


async def _deliver(tools: Any, origin: str, registration: str, payload: dict[str, Any]) -> None:
    await tools.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": origin, "registrationId": registration, "data": json.dumps(payload)},
    )
