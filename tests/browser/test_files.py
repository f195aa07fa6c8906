"""Files in a browser: attach, paste, drop, look at, download; and what hostile ones can do there, which is nothing."""

import base64
import io
import re
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import expect

from bench.product import Product
from tests.browser.pages import Window, chromium

pytestmark = pytest.mark.browser


def picture(color: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 400), color).save(out, "PNG")
    return out.getvalue()


def upload(name: str, data: bytes, kind: str = "application/octet-stream") -> Any:
    return {"name": name, "mimeType": kind, "buffer": data}


DROP = """([selector, event, name, type, data]) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    const target = document.querySelector(selector);
    const options = { bubbles: true, cancelable: true };
    target.dispatchEvent(event === "paste"
        ? new ClipboardEvent("paste", { ...options, clipboardData: transfer })
        : new DragEvent("drop", { ...options, dataTransfer: transfer }));
}"""


async def test_files_are_attached_pasted_dropped_and_shown(embedded: Product) -> None:
    async with chromium() as browser:
        ann = await Window.open(browser, embedded.url)
        await ann.sign_up("Ann Sender", "ann.sender@example.org")
        await ann.create_workspace("Gallery")
        await ann.create_channel("pictures")
        page = ann.page
        attachments = page.get_by_test_id("attachment")
        await page.get_by_test_id("file-input-channel").set_input_files(
            [upload("red.png", picture("red"), "image/png"), upload("notes.txt", b"some notes", "text/plain")]
        )
        await expect(attachments).to_have_count(2)
        await page.get_by_role("button", name="Remove notes.txt").click()
        await expect(attachments).to_have_count(1)
        blue = base64.b64encode(picture("blue")).decode()
        composer = "[data-testid=composer-channel]"
        await page.evaluate(DROP, [composer, "paste", "blue.png", "image/png", blue])
        await page.evaluate(DROP, [composer, "drop", "large.bin", "", base64.b64encode(b"x" * 5_000_000).decode()])
        await expect(attachments).to_have_count(3)
        await expect(page.get_by_role("button", name="Send message")).to_be_enabled()
        await ann.say("three files")
        message = await ann.sees("three files")
        await expect(attachments).to_have_count(0)
        await expect(message.get_by_role("img", name=re.compile(r"(red|blue)\.png"))).to_have_count(2)
        await expect(message.get_by_test_id("file-card")).to_contain_text("5 MB")
        async with page.expect_download() as downloading:
            await message.get_by_test_id("file-card").click()
        download = await downloading.value
        assert download.suggested_filename == "large.bin"
        await message.get_by_role("button", name="Show red.png").click()
        box = page.get_by_test_id("lightbox")
        await expect(box.locator("img")).to_have_js_property("complete", value=True)
        assert await box.locator("img").evaluate("image => image.naturalWidth") == 640
        await page.keyboard.press("ArrowRight")
        await expect(box).to_have_accessible_name("blue.png")
        await page.keyboard.press("Escape")
        await expect(box).to_have_count(0)
        await page.get_by_test_id("channel-name").click()
        await page.get_by_role("tab", name="Files").click()
        await expect(page.get_by_test_id("channel-files").get_by_test_id("file-card")).to_have_count(3)
        await page.keyboard.press("Escape")
        assert ann.faults == []
        await ann.context.close()


async def test_on_a_phone(embedded: Product) -> None:
    async with chromium() as browser:
        ann = await Window.open(browser, embedded.url, viewport={"width": 390, "height": 780}, has_touch=True)
        await ann.sign_up("Ann Thumb", "ann.thumb@example.org")
        await ann.create_workspace("Handheld")
        page = ann.page
        await page.goto(re.sub(r"/w/(\d+)$", r"/w/\1", page.url))
        await expect(ann.composer).to_be_visible()
        await page.get_by_test_id("file-input-channel").set_input_files(
            [upload("wide.png", picture("green"), "image/png")]
        )
        await expect(page.get_by_role("button", name="Send message")).to_be_enabled()
        await page.get_by_role("button", name="Send message").click()
        await expect(page.get_by_role("img", name="wide.png")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert ann.faults == []
        await ann.context.close()
