"""The client without a network: it opens, shows what was read, sends later what was written, leaves nothing behind."""

import asyncio
import json

import pytest
from playwright.async_api import Page, expect

from bench.product import Product
from tests.browser.pages import Window, chromium
from tests.harness.fixtures import MakePeople

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

_CONTROLLED = "navigator.serviceWorker.controller !== null"
_SHELL_KEPT = "caches.match('/shell').then((page) => page !== undefined)"
_NOTE_THE_NEXT = """navigator.serviceWorker.addEventListener("controllerchange", () => {
  sessionStorage.next ??= navigator.serviceWorker.controller.scriptURL;
})"""
_CACHED = """async () => {
  const names = await caches.keys();
  const all = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
  return all.flat().map((request) => request.url).join();
}"""
_KEPT = """async (name) => {
  const all = await indexedDB.databases();
  const one = all.find((db) => db.name.startsWith("slackclone-offline:"));
  if (!one) return null;
  const db = await new Promise((done) => { const r = indexedDB.open(one.name); r.onsuccess = () => done(r.result); });
  const texts = await new Promise((done) => {
    const r = db.transaction(name).objectStore(name).getAll(); r.onsuccess = () => done(r.result);
  });
  db.close();
  return JSON.stringify(texts);
}"""


async def _until(page: Page, script: str) -> None:
    """As Playwright's wait_for_function, which needs eval in the page: our policy forbids it."""
    async with asyncio.timeout(20):
        while not await page.evaluate(script):
            await asyncio.sleep(0.1)


async def _keeps(page: Page, *texts: str, store: str = "views") -> None:
    """Soon: it is written when there is nothing better to do."""
    async with asyncio.timeout(20):
        while True:
            views = await page.evaluate(_KEPT, store) or ""
            if all(text in views for text in texts):
                return
            await asyncio.sleep(0.1)


async def test_a_cold_open_without_a_network(embedded: Product, people_in: MakePeople) -> None:
    team = await people_in(embedded).team("Ann", "Bob", channel="submarine")
    ann, bob = team.people
    secret = await ann.channel(team.workspace, "torpedoes", bob, kind="private")
    typo = await bob.post(team.channel, "we dive at noone")
    wrong = await bob.post(team.channel, "the code is 1234")
    await bob.post(team.channel, "a reply from below", thread_id=typo["message_id"])
    await bob.post(secret, "tube two is loaded")
    async with chromium() as browser:
        window = await Window.open(browser, embedded.url)
        page = window.page
        await window.sign_in(ann.email, ann.password)
        await window.go_to("torpedoes")
        await window.sees("tube two is loaded")
        await window.go_to("submarine")
        await window.sees("the code is 1234")
        await page.get_by_test_id("thread-link").click()
        await expect(page.get_by_label("Replies").get_by_text("a reply from below")).to_be_visible()
        await _until(page, _CONTROLLED)
        await _until(page, _SHELL_KEPT)
        await _keeps(page, "the code is 1234", "tube two is loaded", "a reply from below")
        await _keeps(page, "torpedoes", store="notes")
        await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "open")
        assert "/v1/" not in await page.evaluate(_CACHED), "no answer of the API"

        # A browser that is opened somewhere without a network.
        await window.context.set_offline(True)
        await window.reopen()
        page = window.page
        await page.goto(embedded.url + "/")
        await window.ready()
        await window.sees("the code is 1234")
        await expect(page.get_by_test_id("connection")).to_contain_text("You are offline since")
        await page.get_by_test_id("thread-link").click()
        await expect(page.get_by_label("Replies").get_by_text("a reply from below")).to_be_visible()
        await window.go_to("torpedoes")
        await window.sees("tube two is loaded")
        await window.go_to("submarine")
        await window.say("greetings from the deep")
        pending = page.get_by_test_id("pending-message").filter(has_text="greetings from the deep")
        await expect(pending).to_be_visible()

        # Meanwhile: one message is put right, one is taken back, and Ann is put out of a channel.
        await bob.rest.patch(f"/v1/messages/{typo['message_id']}", {"text": "we dive at noon"})
        await bob.rest.call("DELETE", f"/v1/messages/{wrong['message_id']}")
        await ann.rest.call("POST", f"/v1/channels/{secret['id']}/leave")

        await window.reopen()
        page = window.page
        await page.goto(embedded.url + "/")
        await window.sees("the code is 1234")
        await expect(page.get_by_test_id("pending-message")).to_have_count(1)
        await window.context.set_offline(False)
        await window.sees("we dive at noon")
        await expect(window.message("greetings from the deep")).to_have_count(1)
        await expect(page.get_by_test_id("pending-message")).to_have_count(0)
        await expect(page.get_by_text("the code is 1234")).to_have_count(0)
        await expect(page.get_by_test_id("sidebar-channel").filter(has_text="torpedoes")).to_have_count(0)
        history = await bob.rest.get(f"/v1/channels/{team.channel['id']}/messages")
        assert [one["text"] for one in history["results"]].count("greetings from the deep") == 1
        await _keeps(page, "we dive at noon")
        async with asyncio.timeout(20):
            while "1234" in (views := json.dumps(await page.evaluate(_KEPT, "views"))) or "tube two" in views:
                await asyncio.sleep(0.1)

        # Nothing stays for whoever comes next.
        await page.get_by_test_id("user-menu").click()
        await page.get_by_role("menuitem", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await _until(page, "indexedDB.databases().then((all) => all.every((db) => !/offline|canvas/.test(db.name)))")
        await _until(page, "caches.keys().then((all) => all.length === 0)")
        assert window.faults == []


async def test_it_can_be_installed_and_offers_a_new_version(embedded: Product, people_in: MakePeople) -> None:
    (ann,) = await people_in(embedded)("Ann")
    await ann.workspace("Shipyard")
    async with chromium() as browser:
        window = await Window.open(browser, embedded.url)
        page = window.page
        await window.sign_in(ann.email, ann.password)
        await _until(page, _CONTROLLED)
        tools = await window.context.new_cdp_session(page)
        found = await tools.send("Page.getAppManifest")
        assert found["errors"] == []
        manifest = json.loads(found["data"])
        assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
        for icon in manifest["icons"]:
            assert (await page.request.get(icon["src"])).headers["content-type"] == icon["type"]
        problems = (await tools.send("Page.getInstallabilityErrors"))["installabilityErrors"]
        assert [one["errorId"] for one in problems if one["errorId"] != "in-incognito"] == []
        await page.goto("/w/activity")  # one of its shortcuts
        await expect(page.get_by_role("heading", name="Activity")).to_be_visible()
        assert "/activity" in page.url

        # Another worker comes, as when the server has another client.
        await page.evaluate("navigator.serviceWorker.register('/sw.js?newer', {scope: '/'})")
        offer = page.get_by_test_id("toast").filter(has_text="A new version is ready")
        await expect(offer).to_be_visible()
        await page.evaluate(_NOTE_THE_NEXT)
        async with page.expect_navigation():
            await offer.get_by_role("button", name="Reload").click()
        await window.ready()
        # The page that was loaded registers the server's own again, which may have come already.
        assert str(await page.evaluate("sessionStorage.next")).endswith("?newer")
        assert window.faults == []
