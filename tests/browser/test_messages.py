"""What two people do with messages beyond talking, in two real Chromium windows."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from bench.product import Product
from tests.browser.pages import Window, chromium
from tests.harness.fixtures import MakePeople, Team

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


async def _windows(browser: Browser, product: Product, team: Team, channel: str) -> list[Window]:
    """Each of the team in a window of their own, in the channel."""
    windows = []
    for person in team.people:
        window = await Window.open(browser, product.url)
        await window.sign_in(person.email, person.password)
        await window.go_to(channel)
        windows.append(window)
    return windows


async def test_pins_forwards_links_and_what_the_channel_tells(
    browser: Browser, embedded: Product, people_in: MakePeople
) -> None:
    team = await people_in(embedded).team("Ann", "Bob", channel="kitchen")
    ann_person, bob_person = team.people
    await ann_person.channel(team.workspace, "pantry", bob_person)
    ann, bob = await _windows(browser, embedded, team, "kitchen")
    await expect(bob.page.get_by_test_id("notice").filter(has_text="Bob was added by Ann")).to_be_visible()

    await ann.say("The recipe is **here**")
    await bob.menu("The recipe is here", "Pin to the channel")
    await expect((await ann.sees("The recipe is here")).get_by_text("Pinned by Bob")).to_be_visible()
    await expect(ann.page.get_by_test_id("notice").filter(has_text="Bob pinned a message")).to_be_visible()
    await ann.page.get_by_test_id("channel-pins").click()
    dialog = ann.page.get_by_role("dialog", name="Pinned in #kitchen")
    await expect(dialog.get_by_text("The recipe is here")).to_be_visible()
    await dialog.get_by_role("button", name="Unpin").click()
    await expect(dialog.get_by_text("Nothing is pinned here")).to_be_visible()
    await ann.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(bob.page.get_by_test_id("channel-pins")).to_have_count(0)

    await bob.act("The recipe is here", "Forward message")
    dialog = bob.page.get_by_role("dialog", name="Forward this message")
    await dialog.get_by_role("combobox", name="To").fill("pant")
    await dialog.get_by_role("combobox", name="To").press("Enter")
    await dialog.get_by_label("Say something about it").fill("for the shelf")
    await dialog.get_by_role("button", name="Forward to #pantry").click()
    await expect(dialog).to_have_count(0)
    await ann.go_to("pantry")
    told = await ann.sees("for the shelf")
    await expect(told.get_by_test_id("quote").locator("strong", has_text="here")).to_be_visible()
    await told.get_by_test_id("quote").get_by_role("link").click()
    await expect(ann.page.get_by_role("heading", level=1)).to_contain_text("kitchen")
    await expect(ann.page.locator(".message-highlighted")).to_contain_text("The recipe is here")

    reply = await bob_person.post(
        team.channel, "deep in the thread", thread_id=(await bob_person.page(team.channel))["results"][0]["message_id"]
    )
    thread_id = reply["message"]["thread_id"]
    await ann.page.goto(f"/w/{team.workspace['id']}/c/{team.channel['id']}/m/{reply['message_id']}/t/{thread_id}")
    await expect(ann.page.get_by_test_id("thread-pane").locator(".message-highlighted")).to_contain_text("deep")

    await bob_person.rest.patch(f"/v1/channels/{team.channel['id']}", {"topic": "what we eat"})
    await expect(ann.page.get_by_test_id("notice").filter(has_text="Bob set the topic: what we eat")).to_be_visible()
    await ann.react("The recipe is here", "tada")
    await bob.page.keyboard.press("Escape")
    await bob.menu("The recipe is here", "Who reacted")
    await expect(bob.page.get_by_role("dialog", name=re.compile("Reactions")).get_by_text("Ann")).to_be_visible()
    assert ann.faults + bob.faults == []
