"""Every view and dialog by axe-core's rules of WCAG 2.2 AA, light and dark; and a day at work without a mouse."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, expect

from bench.product import Product
from tests.browser.pages import Window, chromium
from tests.harness.fixtures import MakePeople

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async (only) => {
  const rules = only
    ? {type: "rule", values: only}
    : {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]};
  const {violations} = await axe.run(document, {runOnly: rules, resultTypes: ["violations"]});
  return violations.map((one) => one.id + ": " + one.nodes.map((node) => node.html.slice(0, 160)).join(" | "));
}"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


class Inspector:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.found: dict[str, list[str]] = {}

    async def look(self, name: str) -> None:
        """Colours are looked at in both schemes, all else once: the rest is the same."""
        page = self.page
        if not await page.evaluate("'axe' in window"):
            await page.evaluate(AXE.read_text())
            await page.add_style_tag(content="* { transition: none !important }")
        for scheme, rules in (("light", None), ("dark", ["color-contrast"])):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its words
            if problems := await page.evaluate(_RUN, rules):
                self.found[f"{name}, {scheme}"] = problems
        await page.emulate_media(color_scheme="light")

    async def dialog(self, name: str) -> None:
        """Looks at the dialog that opens, closes it, and sees that the focus is somewhere again."""
        dialog = self.page.get_by_role("dialog").first
        await expect(dialog).to_be_visible()
        await expect(dialog.locator("[aria-busy=true]")).to_have_count(0)
        await self.look(name)
        await self.page.keyboard.press("Escape")
        await expect(self.page.get_by_role("dialog")).to_have_count(0)
        await expect(self.page.locator(":focus")).to_have_count(1)

    async def menu(self, name: str) -> None:
        await expect(self.page.get_by_role("menu")).to_be_visible()
        await self.look(name)
        await self.page.keyboard.press("Escape")
        await expect(self.page.get_by_role("menu")).to_have_count(0)


async def test_no_barrier_in_any_view_or_dialog(browser: Browser, embedded: Product, people_in: MakePeople) -> None:
    team = await people_in(embedded).team("Ann", "Bob", channel="ramp")
    ann, bob = team.people
    first = await bob.post(team.channel, "with `code`, a [link](https://example.org) and **weight**, @ann")
    await bob.post(team.channel, "```python\nprint('hello')\n```\n> quoted\n\n- one\n- two")
    await bob.post(team.channel, "a reply", thread_id=first["message_id"])
    mine = await ann.post(team.channel, "my own words")
    await ann.rest.patch(f"/v1/messages/{mine['message_id']}", {"text": "my own words, better"})
    await ann.rest.call("PUT", f"/v1/messages/{first['message_id']}/pin")
    await ann.rest.call("PUT", f"/v1/messages/{first['message_id']}/saved", {})
    await bob.rest.call("PUT", f"/v1/messages/{mine['message_id']}/reactions/{quote('🎉')}")
    other = await bob.channel(team.workspace, "stairs", ann)
    await bob.post(other, "unread words for @ann")

    window = await Window.open(browser, embedded.url, bypass_csp=True, reduced_motion="reduce")
    page = window.page
    eye = Inspector(page)
    for path in ("signin", "signup", "password/reset", "nowhere"):
        await page.goto(f"/{path}")
        await eye.look(path)
    await window.sign_in(ann.email, ann.password)
    await window.go_to("ramp")
    await window.sees("with code")
    await eye.look("channel")
    base = f"/w/{team.workspace['id']}"
    for view in ("unreads", "activity", "threads"):
        await page.get_by_test_id("sidebar").get_by_role("link", name=re.compile(f"^{view}", re.IGNORECASE)).click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(view, re.IGNORECASE))
        await expect(page.locator("#main [aria-busy=true]")).to_have_count(0)
        await eye.look(view)
    await page.keyboard.press("/")
    search = page.get_by_role("combobox").or_(page.get_by_role("searchbox")).first
    await search.fill("words")
    await search.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await eye.look("search")

    await window.go_to("ramp")
    await window.sees("with code")
    for name, keys in {
        "later": "Control+Shift+S",
        "switcher": "Control+K",
        "shortcuts": "Control+/",
        "browse channels": "Control+Shift+L",
        "jump to date": "Control+Shift+J",
    }.items():
        await page.keyboard.press(keys)
        await eye.dialog(name)
    for name in ("Create a workspace", "New message", "Create a channel", "Arrange the sidebar", "Invite people"):
        await page.get_by_role("button", name=name).first.click()
        await eye.dialog(name)
    for item in ("Set a status", "Pause notifications"):
        await page.get_by_test_id("user-menu").click()
        await page.get_by_role("menuitem", name=item).click()
        await eye.dialog(item)
    for menu in ("user-menu", "workspace-menu"):
        await page.get_by_test_id(menu).focus()
        await page.keyboard.press("ArrowDown")
        await eye.menu(menu)
    await page.get_by_test_id("user-menu").click()
    await page.get_by_role("menuitem", name="Settings").click()
    await _tabs(eye, "settings")
    await page.get_by_test_id("channel-members").click()
    await _tabs(eye, "channel")
    await page.keyboard.press("Control+Shift+S")
    await _tabs(eye, "later")
    for place in ("channel-pins", "channel-bell"):
        await page.get_by_test_id(place).click()
        await eye.dialog(place)
    await window.act("my own words", "Forward message")
    await eye.dialog("forward")
    for item in ("Remind me", "Edit history", "Who reacted", "Delete message"):
        await page.mouse.move(0, 0)
        await window.menu("my own words", re.compile(f"^{item}"))
        await eye.dialog(item)
    await page.mouse.move(0, 0)
    await window.act("my own words", "More actions")
    await eye.menu("the message's menu")
    await page.mouse.move(0, 0)
    await window.act("my own words", "Add a reaction")
    await eye.dialog("emoji")
    await (await window.sees("with code")).get_by_role("button", name="Bob").first.click()
    await eye.dialog("profile")
    await page.get_by_test_id("thread-link").click()
    await expect(page.get_by_label("Replies").get_by_text("a reply")).to_be_visible()
    await eye.look("thread")
    await page.get_by_test_id("channel-canvas").click()
    await expect(page.get_by_test_id("canvas-status")).to_have_text("Saved")
    await eye.look("canvas")
    for place in ("", "/members", "/invitations", "/channels", "/bots", "/audit"):
        await page.goto(f"/console/{team.workspace['id']}{place}")
        await eye.look(f"console{place}")
    await page.goto(base)
    assert not eye.found, "\n".join(f"{name}: {problem}" for name, all_ in eye.found.items() for problem in all_)


async def _tabs(eye: Inspector, name: str) -> None:
    dialog = eye.page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    tabs = dialog.get_by_role("tab")
    for index in range(1, await tabs.count()):
        await tabs.nth(index).click()
        await expect(dialog.locator("[aria-busy=true]")).to_have_count(0)
        await eye.look(f"{name}: {await tabs.nth(index).inner_text()}")
    await tabs.first.click()
    await eye.dialog(name)


async def test_a_day_at_work_without_a_mouse(browser: Browser, embedded: Product, people_in: MakePeople) -> None:
    team = await people_in(embedded).team("Kim", "Lou", channel="typists")
    kim, lou = team.people
    await lou.post(team.channel, "Good morning, Kim")
    window = await Window.open(browser, embedded.url)
    page = window.page
    press = page.keyboard.press
    write = page.keyboard.insert_text

    async def tab_to(name: str, key: str = "Tab") -> None:
        for _ in range(60):
            if name in await page.evaluate(_FOCUSED):
                return
            await press(key)
        raise AssertionError((name, await page.evaluate(_FOCUSED)))

    await page.goto("/signin")
    await tab_to("E-mail address")
    await write(kim.email)
    await tab_to("Password")
    await write(kim.password)
    await press("Enter")
    await window.ready()

    await press("Control+k")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await write("typists")
    await expect(page.get_by_role("option", name=re.compile("typists")).first).to_be_visible()
    await press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("typists")
    await window.sees("Good morning, Kim")
    await window.composer.wait_for()
    await press("h")  # typing anywhere is writing a message
    await expect(window.composer).to_be_focused()
    await press("Backspace")
    await write("Good morning to all")
    await press("Enter")
    await window.sees("Good morning to all")

    # react: back into the list, up to what was said, on to what can be done with it
    await tab_to("Messages in", "Shift+Tab")
    await press("ArrowUp")
    await press("ArrowUp")
    assert "Lou" in await page.evaluate(_FOCUSED)
    await tab_to("Add a reaction")
    await press("Enter")
    await expect(page.get_by_role("dialog", name="Choose an emoji")).to_be_visible()
    await write("tada")
    await expect(page.get_by_role("dialog").get_by_role("button", name="tada").first).to_be_visible()
    await press("Enter")
    await expect((await window.sees("Good morning, Kim")).get_by_role("button", name=re.compile("🎉"))).to_be_visible()

    await page.get_by_test_id("timeline").focus()
    await press("ArrowUp")
    await press("ArrowUp")
    await tab_to("Reply in thread")
    await press("Enter")
    await expect(page.get_by_test_id("thread-pane")).to_be_visible()
    await tab_to("Reply")
    await write("How are you?")
    await press("Enter")
    await expect(page.get_by_label("Replies").get_by_text("How are you?")).to_be_visible()
    await press("Escape")
    await expect(page.get_by_test_id("thread-pane")).to_have_count(0)

    await page.get_by_test_id("timeline").focus()
    await press("/")
    await write("morning")
    await press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await press("Escape")
    await tab_to("You and your settings", "Shift+Tab")
    await press("ArrowDown")
    await expect(page.get_by_role("menu")).to_be_visible()
    await page.get_by_role("menuitem", name="Settings").focus()
    await press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await tab_to("You and your settings", "Shift+Tab")
    await press("ArrowUp")
    await page.get_by_role("menuitem", name="Sign out").focus()
    await press("Enter")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert window.faults == []


_FOCUSED = """() => {
  const one = document.activeElement;
  const labels = [...(one.labels ?? [])].map((label) => label.textContent);
  return [one.getAttribute("aria-label"), one.getAttribute("placeholder"), ...labels, one.textContent].join(" ");
}"""
