"""What is one person's own, in two windows of the same person."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from bench.product import Product
from tests.browser.pages import Window, chromium
from tests.harness.fixtures import MakePeople

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


async def test_what_is_ones_own_follows_to_every_window(
    browser: Browser, embedded: Product, people_in: MakePeople
) -> None:
    team = await people_in(embedded).team("Ann", "Bob", channel="study")
    ann, bob = team.people
    desk, phone = [await Window.open(browser, embedded.url) for _ in range(2)]
    for window in (desk, phone):
        await window.sign_in(ann.email, ann.password)
        await window.go_to("study")

    # a draft is there on the other device, and gone from it once it is sent
    await desk.composer.press_sequentially("half a thou")
    await expect(phone.composer).to_have_value("half a thou")
    await phone.composer.press("End")
    await phone.composer.press_sequentially("ght")
    await expect(desk.composer).to_have_value("half a thought")
    await phone.composer.press("Enter")
    await desk.sees("half a thought")
    await expect(desk.composer).to_have_value("")

    # saved here, shown as saved there
    await bob.post(team.channel, "worth keeping")
    await desk.act("worth keeping", "Save for later")
    message = await phone.sees("worth keeping")
    await message.hover()
    await expect(message.get_by_role("button", name="Remove from saved")).to_be_visible()
    await phone.page.get_by_test_id("open-later").click()
    later = phone.page.get_by_role("dialog", name="Later")
    await expect(later.get_by_text("worth keeping")).to_be_visible()
    await later.get_by_role("button", name="Done", exact=True).click()
    await expect(later.get_by_text("worth keeping")).to_have_count(0)

    # a message for later: written, seen on the other device, sent from there
    await desk.composer.fill("for tomorrow")
    await desk.page.get_by_role("button", name="Send later").click()
    await desk.page.get_by_role("dialog", name="Send later").get_by_role("button", name="Schedule").click()
    await expect(desk.composer).to_have_value("")
    await later.get_by_role("tab", name="Scheduled").click()
    await expect(later.get_by_text("for tomorrow")).to_be_visible()
    await later.get_by_role("button", name="Send now").click()
    await expect(later.get_by_text("Nothing is scheduled")).to_be_visible()
    await desk.sees("for tomorrow")
    await phone.page.keyboard.press("Escape")

    # a reminder whose time comes is told in both
    await ann.rest.post(
        f"/v1/workspaces/{team.workspace['id']}/reminders", {"text": "the tea", "at": await desk.soon()}
    )
    for window in (desk, phone):
        await expect(window.page.get_by_test_id("toast").filter(has_text="Reminder: the tea")).to_be_visible()

    # stars and sections
    await desk.page.get_by_test_id("star").click()
    await expect(phone.page.get_by_role("button", name="Starred")).to_be_visible()
    await desk.page.get_by_role("button", name=re.compile("Arrange the sidebar")).first.click()
    arrange = desk.page.get_by_role("dialog", name="Arrange your sidebar")
    await arrange.get_by_label("New section").fill("Work")
    await arrange.get_by_role("button", name="Add").click()
    await arrange.get_by_label("#general").select_option("Work")
    await expect(phone.page.get_by_role("list", name="Work").get_by_test_id("sidebar-channel")).to_contain_text(
        "general"
    )

    await desk.page.keyboard.press("Escape")

    # and by hand: out of the section, and into it again
    general = desk.page.get_by_test_id("sidebar-channel").filter(has_text="general")
    for place in ("Channels", "Work"):
        await general.drag_to(desk.page.get_by_role("button", name=place, exact=True))
        moved = phone.page.get_by_role("list", name=place, exact=True).get_by_test_id("sidebar-channel")
        await expect(moved.filter(has_text="general")).to_have_count(1)
    assert desk.faults + phone.faults == []
