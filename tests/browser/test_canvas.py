"""Two people write in one canvas, in two real Chromium windows."""

import re

import pytest
from playwright.async_api import Locator, expect

from bench.product import Product
from tests.browser.pages import Window, chromium
from tests.browser.test_two_people import _two

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


class Canvas:
    def __init__(self, window: Window) -> None:
        self.window, self.page = window, window.page

    @property
    def pane(self) -> Locator:
        return self.page.get_by_test_id("canvas-pane")

    @property
    def text(self) -> Locator:
        return self.pane.get_by_role("textbox")

    async def open(self) -> None:
        await self.page.get_by_test_id("channel-canvas").click()
        await self.is_said("Saved")

    async def is_said(self, status: str) -> None:
        await expect(self.page.get_by_test_id("canvas-status")).to_have_text(status)


async def test_two_write_together(embedded: Product) -> None:
    async with chromium() as browser:
        ann, bob = await _two(browser, embedded)
        await ann.create_channel("plans")
        await bob.join_channel("plans")
        mine, theirs = Canvas(ann), Canvas(bob)
        await mine.open()
        await mine.text.press_sequentially("## Shopping\n- tea\n")
        await mine.is_said("Saved")
        await theirs.open()
        await expect(theirs.text.get_by_role("heading", name="Shopping")).to_be_visible()
        await expect(theirs.text.get_by_role("listitem").first).to_have_text("tea")

        # The cursor is Ann's, whatever her browser says that it is.
        await mine.text.press_sequentially("milk")
        await expect(theirs.text.locator(".canvas-caret")).to_have_attribute("data-name", "Ann Archer")
        await expect(theirs.pane.get_by_role("img", name="Here too: Ann Archer")).to_be_visible()

        # Offline both go on; what they wrote is merged.
        await ann.context.set_offline(offline=True)
        await mine.is_said("Offline: kept in this browser")
        await mine.text.press_sequentially(" and honey")
        await theirs.text.press("Control+Home")
        await theirs.text.press_sequentially("Weekly ")
        await theirs.is_said("Saved")
        await ann.context.set_offline(offline=False)
        for canvas in (mine, theirs):
            await expect(canvas.text.get_by_role("heading", name="Weekly Shopping")).to_be_visible(timeout=30_000)
            await expect(canvas.text.get_by_role("listitem").last).to_have_text(re.compile("^milk and honey"))

        # Kept for the next time, and as Markdown.
        await mine.is_said("Saved")
        await ann.page.reload()
        await expect(mine.text.get_by_role("heading", name="Weekly Shopping")).to_be_visible()
        channel = re.search(r"/c/(\d+)", ann.page.url)
        assert channel
        answer = await ann.page.request.get(f"/v1/channels/{channel[1]}/canvas")
        assert await answer.text() == "## Weekly Shopping\n\n- tea\n- milk and honey\n"
        await ann.page.keyboard.press("Escape")
        assert ann.faults + bob.faults == []
