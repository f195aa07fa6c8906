"""German chosen in the settings, the page from right to left, and the theme of high contrast, in one window."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from bench.product import Product
from tests.browser.pages import Window, chromium
from tests.harness.fixtures import MakePeople

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


async def _contrast(page: Page) -> list[str]:
    await page.evaluate(AXE.read_text())
    found = await page.evaluate(
        "() => axe.run(document, {runOnly: {type: 'rule', values: ['color-contrast', 'color-contrast-enhanced']}})"
    )
    return [json.dumps([node["html"] for node in one["nodes"]])[:400] for one in found["violations"]]


async def test_german_right_to_left_and_high_contrast(
    browser: Browser, embedded: Product, people_in: MakePeople
) -> None:
    team = await people_in(embedded).team("Ann", "Bob", channel="kitchen")
    ann = team.people[0]
    window = await Window.open(browser, embedded.url, viewport={"width": 1280, "height": 800})
    await window.sign_in(ann.email, ann.password)
    await window.go_to("kitchen")
    await window.say("Guten Appetit")
    page = window.page

    # the language: kept for the next page, also for what the server writes
    await page.get_by_test_id("user-menu").click()
    await page.get_by_role("menuitem", name="Settings").click()
    await page.get_by_role("tab", name="Appearance").click()
    await page.get_by_label("Language").select_option("de")
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await page.get_by_test_id("user-menu").click()
    await page.get_by_role("menuitem", name="Einstellungen").click()
    await page.get_by_role("tab", name="Darstellung").click()
    await page.get_by_label("Zeitzone").select_option("Asia/Tokyo")
    await page.get_by_role("dialog").locator("label", has_text="Hoher Kontrast").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "contrast")
    await page.keyboard.press("Escape")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await expect(page.get_by_role("navigation", name="Kanäle und Unterhaltungen")).to_be_visible()
    await expect(page.get_by_test_id("composer-channel")).to_be_visible()
    zone = await page.evaluate("() => fetch('/v1/me').then((answer) => answer.json())")
    assert (zone["language"], zone["timezone"], zone["timezone_automatic"]) == ("de", "Asia/Tokyo", False)

    # high contrast: 7:1, light and dark
    await expect(page.get_by_text("Guten Appetit")).to_be_visible()
    assert await _contrast(page) == []
    await page.emulate_media(color_scheme="dark")
    await expect(page.locator("html")).to_have_attribute("data-theme", "contrast-dark")
    assert await _contrast(page) == []
    await page.emulate_media(color_scheme="light")

    # from right to left, wide and on a phone
    await page.evaluate("() => localStorage.setItem('slackclone:pseudo', 'ar-XB')")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    sidebar = await page.get_by_test_id("sidebar").bounding_box()
    assert sidebar is not None
    assert sidebar["x"] > 640, "the sidebar is on the right"
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 800})
        await expect(page.get_by_test_id("composer-channel")).to_be_visible()
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), width
        assert await page.evaluate("() => scrollX === 0")
    mirrored = await page.locator(".icon-onward").first.evaluate("(icon) => getComputedStyle(icon).transform")
    assert mirrored.startswith("matrix(-1,")

    # long words everywhere: nothing pushes the page aside
    await page.evaluate("() => localStorage.setItem('slackclone:pseudo', 'en-XA')")
    await page.reload()
    await expect(page.get_by_test_id("composer-channel")).to_be_visible()
    assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert window.faults == []
