"""Takes the pictures in docs/images: `make screenshots`. The demo workspace, desk and phone, light and dark."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from bench.product import Product
from tests.browser.pages import Window, chromium

IMAGES = Path(__file__).resolve().parents[2] / "docs/images"
DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


async def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with Product("embedded", env={"DEMO": "1"}) as product:
        password = await _password(product)
        async with chromium() as browser:
            for scheme in ("light", "dark"):
                await _desk(browser, product, password, scheme)
                await _phone(browser, product, password, scheme)


async def _password(product: Product) -> str:
    async with asyncio.timeout(60):
        while not (found := re.search(r"^password: (\S+)$", product.log_tail(200), re.MULTILINE)):
            await asyncio.sleep(0.2)
    return found[1]


async def _sign_in(browser: Browser, product: Product, password: str, scheme: str, form: Mapping[str, object]) -> Page:
    window = await Window.open(browser, product.url, color_scheme=scheme, **form)
    await window.page.goto("/signin")
    await window.page.get_by_label("E-mail address").fill("ada@example.org")
    await window.page.get_by_label("Password").fill(password)
    await window.page.get_by_role("button", name=re.compile("^Sign in")).click()
    await window.ready()
    return window.page


async def _desk(browser: Browser, product: Product, password: str, scheme: str) -> None:
    page = await _sign_in(browser, product, password, scheme, DESK)
    await page.get_by_test_id("sidebar-channel").filter(has_text="general").click()
    await expect(page.get_by_test_id("message").first).to_be_visible()
    await page.get_by_test_id("thread-link").first.click()
    await expect(page.get_by_label("Replies").get_by_test_id("message").first).to_be_visible()
    await _keep(page, f"channel-{scheme}")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await _keep(page, f"switcher-{scheme}")
    await page.keyboard.press("Escape")
    for view in ("unreads", "activity", "threads"):
        await page.get_by_test_id("sidebar").get_by_role("link", name=re.compile(f"^{view}", re.IGNORECASE)).click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(view, re.IGNORECASE))
        await expect(page.locator("#main [aria-busy=true]")).to_have_count(0)
        await _keep(page, f"{view}-{scheme}")
    await page.get_by_test_id("open-search").click()
    box = page.get_by_role("combobox").or_(page.get_by_role("searchbox")).first
    await box.fill("release")
    await box.press("Enter")
    await expect(page.locator("#main mark").first).to_be_visible()
    await _keep(page, f"search-{scheme}")
    await page.get_by_test_id("user-menu").focus()
    await page.keyboard.press("ArrowDown")
    await page.get_by_role("menuitem", name="Settings").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await _keep(page, f"settings-{scheme}")
    await page.keyboard.press("Escape")
    await page.get_by_test_id("sidebar-channel").filter(has_text="release").click()
    await page.get_by_test_id("channel-canvas").click()
    await expect(page.get_by_test_id("canvas-status")).to_have_text("Saved")
    text = page.get_by_test_id("canvas-pane").get_by_role("textbox")
    if not await text.inner_text() or "Version 4" not in await text.inner_text():
        await text.press_sequentially("## Version 4\nGoes out **today** at four.\n\n[x] Freeze\nTest on phones\nShip\n")
        await expect(page.get_by_test_id("canvas-status")).to_have_text("Saved")
    await _keep(page, f"canvas-{scheme}")
    workspace = re.search(r"/w/(\d+)", page.url)
    assert workspace
    await page.goto(f"/console/{workspace[1]}/members")
    await _keep(page, f"console-{scheme}")
    await page.context.close()


async def _phone(browser: Browser, product: Product, password: str, scheme: str) -> None:
    page = await _sign_in(browser, product, password, scheme, PHONE)
    await _keep(page, f"phone-channel-{scheme}")
    await page.get_by_test_id("thread-link").first.click()
    await expect(page.get_by_label("Replies").get_by_test_id("message").first).to_be_visible()
    await _keep(page, f"phone-thread-{scheme}")
    await page.go_back()
    await page.get_by_role("button", name="Open the sidebar").click()
    await expect(page.get_by_role("button", name="Close the sidebar")).to_be_visible()
    await _keep(page, f"phone-sidebar-{scheme}")
    await page.context.close()


async def _keep(page: Page, name: str) -> None:
    await page.wait_for_load_state("networkidle")
    await expect(page.get_by_test_id("skeleton")).to_have_count(0)
    await page.evaluate("document.fonts.ready")
    await page.screenshot(path=IMAGES / f"{name}.png", animations="disabled", caret="hide")
    print(IMAGES.name, f"{name}.png")


if __name__ == "__main__":
    asyncio.run(main())
