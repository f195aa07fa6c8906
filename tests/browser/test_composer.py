"""Writing: commands, code, sending later thought better of."""

import base64
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from bench.product import Product
from tests.browser.pages import Window, chromium
from tests.harness.fixtures import MakePeople

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


async def test_commands_code_and_undo(browser: Browser, embedded: Product, people_in: MakePeople) -> None:
    team = await people_in(embedded).team("Ann", "Bob", channel="forge")
    ann_person, bob_person = team.people
    ann, bob = await Window.open(browser, embedded.url), await Window.open(browser, embedded.url)
    for window, person in ((ann, ann_person), (bob, bob_person)):
        await window.sign_in(person.email, person.password)
        await window.go_to("forge")

    await ann.composer.press_sequentially("/top")
    await expect(ann.page.get_by_role("option", name=re.compile("topic text"))).to_be_visible()
    await ann.composer.press("Tab")
    await ann.composer.press_sequentially("iron and steel")
    await ann.composer.press("Enter")
    await expect(bob.page.get_by_test_id("channel-topic")).to_have_text("iron and steel")
    await expect(ann.composer).to_have_value("")
    await ann.say("/nonsense")
    await expect(ann.page.get_by_test_id("command-problem")).to_contain_text("no command /nonsense")
    await ann.say("/remind me to quench it in 2 hours")
    await expect(ann.page.get_by_test_id("toast").filter(has_text="quench it")).to_be_visible()
    await ann.say("/me hammers")
    await expect((await bob.sees("hammers")).locator("em")).to_have_text("hammers")

    await ann.composer.fill("```python\ndef forge():\n    return 'steel'\n```")
    await ann.composer.press("Enter")
    await expect((await bob.sees("def forge")).locator("code .hljs-keyword").first).to_have_text("def")

    await _writes_rich_text(ann, bob)
    await _make_an_emoji(ann, bob)
    await _mention_a_group(ann, bob)

    await ann.page.keyboard.press("Control+/")
    await expect(ann.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await ann.page.keyboard.press("Escape")
    await ann.page.evaluate("localStorage.setItem('slackclone:undo-send', '20')")
    await ann.page.reload()
    await ann.ready()
    await ann.say("too hasty")
    await ann.page.get_by_test_id("toast").get_by_role("button", name="Undo").click()
    await expect(ann.composer).to_have_value("too hasty")
    await ann.composer.fill("after thought")
    await ann.composer.press("Enter")
    await ann.say("the next one lets it go")
    await bob.sees("after thought")
    await expect(bob.message("too hasty")).to_have_count(0)

    await ann.page.keyboard.press("Control+Shift+J")
    dialog = ann.page.get_by_role("dialog", name="Jump to a date")
    await dialog.get_by_role("button", name="A week ago").click()
    await dialog.get_by_role("button", name="Go", exact=True).click()
    await expect(ann.page.locator(".message-highlighted")).to_contain_text("hammers")

    await ann_person.rest.patch(f"/v1/channels/{team.channel['id']}", {"posting": "admins"})
    await expect(bob.page.get_by_test_id("announcements")).to_be_visible()
    await expect(ann.composer).to_be_visible()
    assert ann.faults + bob.faults == []


async def _writes_rich_text(ann: Window, bob: Window) -> None:
    """Bold looks bold while it is written, and what is sent is the Markdown that the plain composer shows."""
    toggle = ann.page.get_by_role("button", name="Rich text")
    await toggle.click()
    rich = ann.page.locator(".composer-rich")
    await expect(rich).to_be_focused()
    await rich.press_sequentially("an ")
    await rich.press("Control+b")
    await rich.press_sequentially("anvil")
    await rich.press("Control+b")
    await rich.press_sequentially(" for @bo")
    await expect(ann.page.get_by_role("option", name=re.compile("Bob"))).to_be_visible()
    await rich.press("Enter")
    await rich.press("Shift+Enter")
    await rich.press_sequentially("in #for")
    await ann.page.get_by_role("option", name=re.compile("#forge")).click()
    await expect(rich.locator("strong")).to_have_text("anvil")
    await toggle.click()
    await expect(ann.composer).to_have_value(re.compile(r"^an \*\*anvil\*\* for @bob\nin #forge$"))
    await ann.composer.press_sequentially("\n")
    await expect(ann.message("anvil").locator("strong")).to_have_text("anvil")
    await toggle.click()
    await rich.press_sequentially("- tongs")
    await rich.press("Shift+Enter")
    await rich.press_sequentially("hammer and _nails_ here")
    await rich.press("Enter")
    listed = (await bob.sees("tongs")).locator("li")
    await expect(listed).to_have_count(2)
    await expect(listed.last.locator("em")).to_have_text("nails")
    await expect((await bob.sees("anvil")).locator(".mention-me")).to_have_text("@bob")
    await expect(rich).to_have_text("")
    await rich.press("ArrowUp")
    await expect(ann.page.get_by_test_id("composer-edit").locator("li")).to_have_count(2)
    await ann.page.keyboard.press("Escape")
    await toggle.click()


async def _make_an_emoji(ann: Window, bob: Window) -> None:
    """Ann makes one; Bob, who has been here all along, sees and uses it; removed, it is its name."""
    await ann.say("look: :spark: flies")
    await expect(bob.message("look: :spark: flies")).to_be_visible()
    await ann.page.get_by_role("group", name="Composer").get_by_role("button", name="Emoji", exact=True).click()
    await ann.page.get_by_test_id("own-emoji").click()
    dialog = ann.page.get_by_role("dialog", name="Emoji of this workspace")
    await dialog.get_by_test_id("emoji-file").set_input_files(
        {"name": "Spark.png", "mimeType": "image/png", "buffer": base64.b64decode(DOT)}
    )
    await expect(dialog.get_by_label("Name", exact=True)).to_have_value("spark")
    await dialog.get_by_role("button", name="Add emoji").click()
    await expect(dialog.get_by_role("button", name="Remove :spark:")).to_be_visible()
    await ann.page.keyboard.press("Escape")
    image = bob.message("flies").get_by_role("img", name=":spark:")
    await expect(image).to_be_visible()
    assert await image.evaluate("img => img.complete ? img.naturalWidth : img.decode().then(() => img.naturalWidth)")
    await bob.act("flies", "Add a reaction")
    picker = bob.page.get_by_role("dialog", name="Choose an emoji")
    await picker.get_by_label("Search emoji").fill("spark")
    await picker.get_by_role("button", name="spark", exact=True).click()
    reaction = ann.message("flies").get_by_role("group", name="Reactions").get_by_role("button").first
    await expect(reaction.locator("img")).to_be_visible()
    await ann.composer.press_sequentially(":spar")
    await ann.page.get_by_role("option", name=":spark:").click()
    await ann.composer.press("Enter")
    await expect(bob.page.locator(".message-body-emoji .own-emoji")).to_be_visible()
    await ann.page.get_by_role("group", name="Composer").get_by_role("button", name="Emoji", exact=True).click()
    await ann.page.get_by_test_id("own-emoji").click()
    await dialog.get_by_role("button", name="Remove :spark:").click()
    await ann.page.keyboard.press("Escape")
    await expect(reaction).to_contain_text(":spark:")
    await expect(bob.message("look: :spark: flies").locator("img.own-emoji")).to_have_count(0)


async def _mention_a_group(ann: Window, bob: Window) -> None:
    """Ann makes one with Bob in it; what she says to it is for Bob, and the name leads to who is in it."""
    await ann.page.get_by_test_id("workspace-menu").click()
    await ann.page.get_by_role("menuitem", name="Groups").click()
    dialog = ann.page.get_by_role("dialog", name="Groups")
    await dialog.get_by_label("Name", exact=True).fill("The smiths")
    await dialog.get_by_label("Handle").fill("@smiths")
    await dialog.get_by_role("combobox", name="People").fill("Bob")
    await dialog.get_by_role("option", name=re.compile("Bob")).first.click()
    await dialog.get_by_role("button", name="Create group").click()
    await expect(ann.page.get_by_role("dialog", name="@smiths").get_by_role("listitem")).to_have_count(1)
    await ann.page.keyboard.press("Escape")
    await ann.composer.press_sequentially("to the bellows, @smi")
    await ann.page.get_by_role("option", name=re.compile("@smiths")).click()
    await ann.composer.press("Enter")
    named = (await bob.sees("to the bellows")).locator(".mention-me")
    await expect(named).to_have_text("@smiths")
    await expect((await ann.sees("to the bellows")).locator(".mention-me")).to_have_count(0)
    await named.click()
    await expect(bob.page.get_by_role("dialog", name="@smiths")).to_contain_text("you are in it")
    await bob.page.keyboard.press("Escape")
