"""What a person does in a browser window, by the names that a screen reader would say."""

import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, Dialog, Locator, Page, async_playwright, expect

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
]
DEADLINE_MS = 15_000
expect.set_options(timeout=DEADLINE_MS)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's own. Without it: a failure under CI, else a skip."""
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Window:
    """One person's window. `faults` collects what must not happen: script errors, alerts, breaches of the CSP."""

    base_url: str
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)
    tour: bool = False

    @classmethod
    async def open(cls, browser: Browser, base_url: str, *, tour: object = False, **options: object) -> "Window":
        context = await browser.new_context(base_url=base_url, **options)  # type: ignore[arg-type]  # Playwright's own
        context.set_default_timeout(DEADLINE_MS)
        window = cls(base_url, context, await context.new_page(), tour=bool(tour))
        await window._watch()
        return window

    async def reopen(self) -> None:
        """Closes the tab and opens another one."""
        await self.page.close()
        self.page = await self.context.new_page()
        await self._watch()

    async def _watch(self) -> None:
        if not self.tour:
            # Whoever is new skips it, by a click that moves neither the pointer nor the focus.
            skip = self.page.get_by_test_id("tour-skip")
            await self.page.add_locator_handler(skip, lambda found: found.dispatch_event("click"))
        self.page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on(
            "console",
            lambda message: (
                self.faults.append(f"console: {message.text}")
                if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text
                else None
            ),
        )

    async def _dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"a dialog opened: {dialog.message}")
        await dialog.dismiss()

    # -- accounts

    async def sign_up(self, name: str, email: str, *, start: str = "/signup") -> None:
        await self.page.goto(start)
        if "/signup" not in self.page.url:
            await self.page.get_by_role("link", name="Create an account").click()
        await self.page.get_by_label("Your name").fill(name)
        await self.page.get_by_label("E-mail address").fill(email)
        await self.page.get_by_label("Password").fill("correct horse battery")
        await self.page.get_by_role("button", name=re.compile("^Create account")).click()

    async def sign_in(self, email: str, password: str) -> None:
        await self.page.goto("/signin")
        await self.page.get_by_label("E-mail address").fill(email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.ready()

    async def create_workspace(self, name: str) -> None:
        await self.page.get_by_label("Workspace name").fill(name)
        await self.page.get_by_role("button", name=re.compile("^Create")).click()
        await self.ready()

    async def ready(self) -> None:
        await expect(self.page.get_by_test_id("app")).to_be_visible()

    async def invitation_link(self) -> str:
        await self.page.get_by_role("button", name="Invite people").first.click()
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Create an invitation link").click()
        link = dialog.get_by_label("Invitation link")
        await expect(link).to_have_value(re.compile("/invite/"))
        value = await link.input_value()
        await self.page.keyboard.press("Escape")
        return value

    # -- places

    async def create_channel(self, name: str) -> None:
        await self.page.get_by_role("navigation").get_by_role("button", name="Create a channel").click()
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_label("Name", exact=True).fill(name)
        await dialog.get_by_role("button", name="Create channel").click()
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(name)

    async def join_channel(self, name: str) -> None:
        await self.page.get_by_role("button", name="Browse channels").click()
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_role("button", name=f"Join {name}").click()
        await expect(self.page.get_by_test_id("sidebar-channel").filter(has_text=name)).to_be_attached()
        await self.page.keyboard.press("Escape")
        await self.go_to(name)

    async def go_to(self, title: str) -> None:
        await self.page.get_by_test_id("sidebar-channel").filter(has_text=title).click()
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(title)

    async def direct_message(self, name: str) -> None:
        await self.page.get_by_role("button", name="New message").click()
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_role("combobox", name="To").fill(name)
        await dialog.get_by_role("option", name=re.compile(name)).first.click()
        await dialog.get_by_role("button", name="Start conversation").click()
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(name)

    # -- talk

    async def react(self, text: str, emoji: str) -> None:
        await self.act(text, "Add a reaction")
        picker = self.page.get_by_role("dialog", name="Choose an emoji")
        await picker.get_by_label("Search emoji").fill(emoji)
        await picker.get_by_role("button", name=emoji).first.click()

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name=re.compile("^Message "))

    async def say(self, text: str) -> None:
        await self.composer.fill(text)
        await self.composer.press("Enter")

    def message(self, text: str) -> Locator:
        """The message with this text, once the server has it."""
        return self.page.get_by_test_id("message").filter(has_text=text)

    async def sees(self, text: str) -> Locator:
        found = self.message(text).first
        await expect(found).to_be_visible()
        return found

    async def act(self, text: str, action: str) -> None:
        """A button of the message's toolbar."""
        message = await self.sees(text)
        await message.hover()
        await message.get_by_role("toolbar", name="Message actions").get_by_role("button", name=action).click()

    async def soon(self) -> int:
        """A moment ahead, in ms."""
        return int(await self.page.evaluate("Date.now() + 1500"))

    async def menu(self, text: str, item: str | re.Pattern[str]) -> None:
        """An entry of the message's menu."""
        await self.act(text, "More actions")
        await self.page.get_by_role("menuitem", name=item).click()

    async def shown_texts(self) -> list[str]:
        """The texts of the messages on screen, from top to bottom."""
        return [
            text.strip()
            for text in await self.page.get_by_test_id("timeline").locator(".message-body").all_inner_texts()
        ]
