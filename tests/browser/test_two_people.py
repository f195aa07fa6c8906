"""Two people in two real Chromium windows, on both profiles."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable

import pytest
from playwright.async_api import Browser, FilePayload, expect

from bench.product import Product
from tests.browser.pages import Window, chromium
from tests.flows.test_naughty_strings import naughty_strings
from tests.harness.fixtures import People

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True}


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


async def _two(browser: Browser, product: Product) -> tuple[Window, Window]:
    """Ann has made a workspace, Bob has come by her link."""
    ann, bob = await Window.open(browser, product.url), await Window.open(browser, product.url)
    await ann.sign_up("Ann Archer", f"ann-{secrets.token_hex(4)}@example.com")
    await ann.create_workspace("Tea Makers")
    link = await ann.invitation_link()
    await bob.sign_up("Bob Baker", f"bob-{secrets.token_hex(4)}@example.com", start=link)
    join = bob.page.get_by_role("button", name=re.compile("^Join as"))
    await bob.page.wait_for_load_state()
    if await join.is_visible():
        await join.click()
    await bob.ready()
    return ann, bob


async def test_who_is_new_is_shown_around_once_and_can_write_meanwhile(browser: Browser, product: Product) -> None:
    ann = await Window.open(browser, product.url, tour=True)
    await ann.sign_up("Ann Archer", f"ann-{secrets.token_hex(4)}@example.com")
    await ann.create_workspace("Tea Makers")
    tour = ann.page.get_by_test_id("tour")
    await expect(tour).to_contain_text("1 of 3")
    await ann.say("Is it on?")
    await ann.sees("Is it on?")
    await tour.get_by_role("button", name="Next").press("ArrowRight")
    await expect(tour).to_contain_text("2 of 3")
    await tour.get_by_role("button", name="Next").press("Enter")
    await expect(tour).to_contain_text("3 of 3")
    await ann.page.keyboard.press("Escape")
    await expect(tour).to_have_count(0)
    await expect(ann.page.get_by_test_id("composer-channel")).to_be_focused()

    await ann.page.reload()
    await ann.sees("Is it on?")
    await expect(tour).to_have_count(0)
    assert ann.faults == []
    await ann.context.close()


async def test_two_people_meet_and_talk(browser: Browser, product: Product) -> None:
    ann, bob = await _two(browser, product)
    await ann.create_channel("kettle")
    await bob.join_channel("kettle")
    await ann.say("Is it **hot**?")
    await expect((await bob.sees("Is it hot?")).locator("strong")).to_have_text("hot")
    await bob.say("It boils.")
    await ann.sees("It boils.")

    await bob.act("It boils.", "Edit message")
    editor = bob.page.get_by_role("textbox", name="Edit message")
    await editor.fill("It boils over.")
    await editor.press("Enter")
    await expect((await ann.sees("It boils over.")).get_by_text("(edited)")).to_be_visible()

    await ann.react("It boils over.", "tada")
    await expect(
        (await bob.sees("It boils over.")).get_by_role("button", name=re.compile("Ann Archer reacted with 🎉"))
    ).to_be_visible()

    await ann.act("It boils over.", "Reply in thread")
    reply = ann.page.get_by_role("textbox", name="Reply")
    await reply.fill("Turn it off!")
    await reply.press("Enter")
    link = (await bob.sees("It boils over.")).get_by_test_id("thread-link")
    await expect(link).to_contain_text("1 reply")
    await link.click()
    await expect(bob.page.get_by_label("Replies").get_by_text("Turn it off!")).to_be_visible()

    paper = FilePayload(name="kettle.txt", mimeType="text/plain", buffer=b"boils at 100")
    await bob.page.get_by_test_id("file-input-channel").set_input_files(paper)
    await expect(bob.page.get_by_test_id("attachment")).to_have_count(1)
    await bob.say("how it is done")
    await expect((await ann.sees("how it is done")).get_by_text("kettle.txt")).to_be_visible()

    await bob.direct_message("Ann Archer")
    await bob.say("Between us: I like coffee.")
    direct = ann.page.get_by_test_id("sidebar-channel").filter(has_text="Bob Baker")
    await expect(direct.get_by_role("img", name="1 for you")).to_be_visible()
    await direct.click()
    await expect(direct.get_by_role("img", name="1 for you")).to_have_count(0)
    await ann.sees("Between us: I like coffee.")

    await ann.page.get_by_test_id("workspace-menu").click()
    await ann.page.get_by_role("menuitem", name="Manage the workspace").click()
    await expect(ann.page.get_by_role("link", name="Back to the workspace")).to_be_visible()
    assert ann.faults + bob.faults == []


async def test_scroll_back_and_jump_to_the_latest(browser: Browser, product: Product, people: People) -> None:
    team = await people.team("Cy", channel="long-talk")
    cy = team.people[0]
    for index in range(180):
        await cy.post(team.channel, f"line number {index:03}")
        await asyncio.sleep(0.02)
    window = await Window.open(browser, product.url)
    await _sign_in(window, cy.email, cy.password)
    await window.go_to("long-talk")
    await window.sees("line number 179")
    timeline = window.page.get_by_test_id("timeline")
    oldest = window.message("line number 000")
    async with asyncio.timeout(40):
        while not await oldest.count():
            await timeline.hover()
            await window.page.mouse.wheel(0, -3000)
            await asyncio.sleep(0.1)
    await window.page.mouse.wheel(0, -50_000)
    await expect(oldest).to_be_visible()
    await cy.post(team.channel, "news from below")
    await window.page.get_by_test_id("jump-to-latest").click()
    await window.sees("news from below")
    texts = [text for text in await window.shown_texts() if text.startswith("line number")]
    assert texts == sorted(set(texts)), "in order, none twice"
    assert window.faults == []


async def test_offline_and_back(browser: Browser, product_factory: Callable[..., Product]) -> None:
    product = await asyncio.to_thread(product_factory, "embedded")
    ann, bob = await _two(browser, product)
    await ann.create_channel("tunnel")
    await bob.join_channel("tunnel")
    await ann.say("before the tunnel")
    await bob.sees("before the tunnel")

    await bob.context.set_offline(True)
    await ann.say("you can't see this yet")
    await bob.say("written in the tunnel")
    await expect(bob.page.get_by_test_id("pending-message").filter(has_text="written in the tunnel")).to_be_visible()
    await ann.sees("you can't see this yet")
    await expect(ann.message("written in the tunnel")).to_have_count(0)
    await bob.context.set_offline(False)
    await bob.sees("you can't see this yet")
    await ann.sees("written in the tunnel")
    await bob.sees("written in the tunnel")

    # kill -9 of the server: both lose it, write on, and get everything once when it is back
    await asyncio.to_thread(product.kill)
    await ann.say("Ann to a dead server")
    await bob.say("Bob to a dead server")
    for window in (ann, bob):
        await expect(window.page.get_by_test_id("connection")).not_to_have_attribute("data-state", "open")
    await asyncio.to_thread(product.start)
    for window in (ann, bob):
        for text in ("Ann to a dead server", "Bob to a dead server"):
            await window.sees(text)
            await expect(window.message(text)).to_have_count(1)
        await expect(window.page.get_by_test_id("pending-message")).to_have_count(0)
    assert await ann.shown_texts() == await bob.shown_texts()
    assert len(await ann.shown_texts()) == 5
    assert [fault for fault in ann.faults + bob.faults if "script" in fault] == []


async def test_naughty_strings_render_without_running(browser: Browser, product: Product, people: People) -> None:
    """Each is shown as what it is: no script runs, no dialog opens, no foreign request leaves."""
    team = await people.team(*(f"Writer {index}" for index in range(6)), channel="naughty")
    reader = team.people[0]
    strings = [text for text in naughty_strings() if text.strip()]

    async def write(number: int) -> None:
        for text in strings[number :: len(team.people)]:
            await team.people[number].post(team.channel, text)
            await asyncio.sleep(0.02)

    window = await Window.open(browser, product.url)
    await _sign_in(window, reader.email, reader.password)
    foreign: list[str] = []
    window.page.on(
        "request",
        lambda request: (
            foreign.append(request.url)
            if not request.url.startswith((product.url, product.url.replace("http", "ws"), "data:", "blob:"))
            else None
        ),
    )
    await window.go_to("naughty")
    await asyncio.gather(*(write(number) for number in range(len(team.people))))
    await reader.post(team.channel, "that was all")
    await window.sees("that was all")
    timeline = window.page.get_by_test_id("timeline")
    seen: set[str] = set()
    async with asyncio.timeout(60):
        while True:
            seen |= set(
                await timeline.locator("[data-message-id]").evaluate_all("rows => rows.map(r => r.dataset.messageId)")
            )
            if len(seen) > len(strings):
                break
            await timeline.hover()
            await window.page.mouse.wheel(0, -500)
            await asyncio.sleep(0.05)
    assert await timeline.locator("script, iframe, object, embed, img, [onerror], [onload]").count() == 0
    hrefs = await timeline.locator(".message-body a").evaluate_all("all => all.map(a => a.protocol)")
    assert set(hrefs) <= {"http:", "https:", "mailto:"}
    assert window.faults == []
    assert foreign == []


async def test_a_phone_wide_window(browser: Browser, product: Product, people: People) -> None:
    team = await people.team("Pia", "Quin", channel="pocket")
    pia, quin = team.people
    window = await Window.open(browser, product.url, **PHONE)
    await _sign_in(window, pia.email, pia.password)
    if not await window.page.get_by_test_id("sidebar-channel").filter(has_text="pocket").is_visible():
        await window.page.get_by_role("button", name="Open the sidebar").click()
    await window.go_to("pocket")
    await quin.post(team.channel, "a word for the phone")
    await window.sees("a word for the phone")
    await window.composer.fill("from the phone")
    await window.page.get_by_role("button", name="Send message").click()
    await window.sees("from the phone")
    wide = await window.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "no sideways scrolling"
    await _gestures(window)
    assert window.faults == []


async def _gestures(window: Window) -> None:
    """A finger: pushes the sidebar in, a message aside to reply, rests on one; the way back closes what came last."""
    page = window.page
    tools = await window.context.new_cdp_session(page)
    message = await window.sees("a word for the phone")

    async def touch(kind: str, x: float, y: float) -> None:
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        await tools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    async def swipe(begin: float, end: float) -> None:
        box = await message.bounding_box()
        y = box["y"] + box["height"] / 2 if box else 400
        await touch("touchStart", begin, y)
        for step in range(1, 5):
            await touch("touchMove", begin + (end - begin) * step / 4, y)
        await touch("touchEnd", end, y)

    sidebar = page.get_by_role("button", name="Close the sidebar")
    await swipe(5, 200)  # begins where the browser's own way back begins
    await expect(sidebar).to_have_count(0)
    await swipe(60, 260)
    await expect(sidebar).to_be_visible()
    await page.go_back()
    await expect(sidebar).to_have_count(0)
    await expect(message).to_be_visible()
    await swipe(300, 100)
    await expect(page.get_by_test_id("thread-pane")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_test_id("thread-pane")).to_have_count(0)
    box = await message.bounding_box()
    assert box
    await touch("touchStart", box["x"] + 80, box["y"] + box["height"] - 8)
    sheet = page.get_by_role("dialog", name="Message actions")
    await expect(sheet).to_be_visible()
    await touch("touchEnd", 0, 0)
    await sheet.get_by_role("button", name="👍").click()
    await expect(message.get_by_role("button", name=re.compile("👍"))).to_be_visible()


async def _sign_in(window: Window, email: str, password: str) -> None:
    await window.page.goto("/signin")
    await window.page.get_by_label("E-mail address").fill(email)
    await window.page.get_by_label("Password").fill(password)
    await window.page.get_by_role("button", name="Sign in").click()
    await window.ready()
