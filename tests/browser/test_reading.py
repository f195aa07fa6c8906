"""Unread marks in real Chromium windows: two people, one of them with two tabs."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from bench.product import Product
from tests.browser.pages import Window, chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


async def _focus(page: Page, *, on: bool) -> None:
    """Headless windows all have the focus; a person looks at one."""
    await page.evaluate(
        "on => { document.hasFocus = () => on; window.dispatchEvent(new Event(on ? 'focus' : 'blur')); }", on
    )


async def test_what_is_unread_is_the_same_in_every_tab(browser: Browser, embedded: Product) -> None:
    ann, bob = await Window.open(browser, embedded.url), await Window.open(browser, embedded.url)
    await ann.sign_up("Ann Archer", f"ann-{secrets.token_hex(4)}@example.com")
    await ann.create_workspace("Readers")
    await ann.create_channel("kettle")
    link = await ann.invitation_link()
    await bob.sign_up("Bob Baker", f"bob-{secrets.token_hex(4)}@example.com", start=link)
    await bob.page.wait_for_load_state()
    join = bob.page.get_by_role("button", name=re.compile("^Join as"))
    if await join.is_visible():
        await join.click()
    await bob.ready()
    await bob.join_channel("kettle")
    await bob.go_to("general")
    tab = Window(bob.base_url, bob.context, await bob.context.new_page())
    await tab.page.goto(bob.page.url)
    await tab.ready()

    # A mention is counted in both tabs: sidebar, title and icon.
    await ann.say("@bob.baker, one thing")
    await ann.say("and another")
    for window in (bob, tab):
        row = window.page.get_by_test_id("sidebar-channel").filter(has_text="kettle")
        await expect(row.get_by_role("img", name="1 for you")).to_be_visible()
        await expect(window.page).to_have_title(re.compile(r"^\(1\) "))
        await expect(window.page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("^data:.*%3E1%3C"))

    # It is the first mention: now notifications are offered, beside what one is doing, and once.
    offers = [window.page.get_by_test_id("push-offer") for window in (bob, tab)]
    tasks = [asyncio.create_task(each.wait_for()) for each in offers]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.wait(tasks)
    assert len(done) == 1
    offer = offers[tasks.index(done.pop())]
    await expect(offer.get_by_role("button", name="Turn on notifications")).to_be_visible()
    await offer.get_by_role("button", name="Not now").click()
    await expect(offer).to_have_count(0)

    # The unreads gather them; read there, they are read in the other tab, too.
    await tab.page.get_by_test_id("sidebar-unreads").click()
    await tab.sees("and another")
    await _focus(tab.page, on=False)
    await bob.go_to("kettle")
    await expect(bob.page.get_by_test_id("new-line")).to_be_visible()
    for window in (bob, tab):
        await expect(window.page).not_to_have_title(re.compile(r"^\(1\) |^• "))
        row = window.page.get_by_test_id("sidebar-channel").filter(has_text="kettle")
        await expect(row.get_by_role("img", name="1 for you")).to_have_count(0)
    await expect(bob.page.get_by_test_id("new-line")).to_be_visible()

    # Unread again from a message: both tabs say so, and leaving and coming back reads it.
    await bob.menu("and another", "Mark unread from here")
    await expect(tab.page).to_have_title(re.compile("^• "))
    await bob.go_to("general")
    await expect(bob.page).to_have_title(re.compile("^• "))
    await bob.go_to("kettle")
    await expect(tab.page).not_to_have_title(re.compile("^• "))

    # While the window is not looked at nothing is read; Escape reads the channel.
    await _focus(bob.page, on=False)
    await ann.say("Are you there?")
    await bob.sees("Are you there?")
    await expect(bob.page).to_have_title(re.compile("^• "))
    await _focus(bob.page, on=True)
    await expect(bob.page).not_to_have_title(re.compile("^• "))

    # Many: the channel opens where one stopped, and the bar says how many there are and goes there.
    await bob.go_to("general")
    for number in range(30):
        await ann.say(f"number {number}")
    await expect(bob.page).to_have_title(re.compile("^• "))
    await bob.go_to("kettle")
    await expect(bob.page.get_by_test_id("new-line")).to_be_in_viewport()
    await expect(bob.page).to_have_title(re.compile("^• "))
    await bob.page.get_by_test_id("jump-to-latest").click()
    await expect(bob.page.get_by_text("number 29")).to_be_in_viewport()
    await expect(tab.page).not_to_have_title(re.compile("^• "))
    await bob.go_to("general")

    # Shift and Escape read everything, in every tab.
    await ann.say("one more")
    await expect(tab.page).to_have_title(re.compile("^• "))
    await bob.page.keyboard.press("Shift+Escape")
    for window in (bob, tab):
        await expect(window.page).not_to_have_title(re.compile("^• "))

    await bob.page.get_by_test_id("sidebar-activity").click()
    activity = bob.page.get_by_test_id("activity-view")
    await expect(activity.get_by_text("Ann Archer mentioned you")).to_be_visible()
    await expect(activity.get_by_text("one thing")).to_be_visible()
    assert ann.faults + bob.faults == []
