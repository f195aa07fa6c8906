"""The web client in Chromium: opening, changing channels, typing under traffic, scrolling back, memory over an hour."""

import argparse
import asyncio
import gzip
import importlib
import json
import random
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.client import Json, Person, RestClient, SocketClient
from bench.measure import exact_percentile
from bench.product import ROOT
from bench.stage import Seeded, Stage

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, CDPSession, Page

PROBE = (Path(__file__).parent / "ui.js").read_text()
DIST = ROOT / "static" / "dist"
_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
_VIEWPORT = {"width": 1440, "height": 900}
_TALK = (
    "the **kettle** is ready, who comes?",
    "a longer one: `make test` is green, what is left is the part about _markers_ that we spoke of this morning",
    "yes",
    "- first the table\n- then the chairs\n- then the tea",
    "```python\nprint('a chair near the window')\n```",
    "> who comes?\n\nI do, in ten minutes :tea:",
    "agreed, and thanks for looking at it so quickly",
)
_FILLED = 60
_FILLED_WITH = 70
_WHEEL_PX = 125
_TICK_S = 0.016


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channels", type=int, default=500)
    parser.add_argument("--messages", type=int, default=1_000_000, help="in the channel that is opened")
    parser.add_argument("--opens", type=int, default=5)
    parser.add_argument("--switches", type=int, default=120)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--rate", type=int, default=50, help="messages a second while somebody types")
    parser.add_argument("--scroll-seconds", type=float, default=15)
    parser.add_argument("--hour-messages", type=int, default=36_000, help="what an hour brings: ten a second")
    parser.add_argument("--hour-rate", type=int, default=400, help="at which it is played")
    parser.add_argument("--only", action="append", choices=("open", "switch", "keys", "scroll", "memory"))


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Clicks, keys and wheel are real input through the DevTools protocol; bench/ui.js takes the times in the page."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not installed")
    if not (DIST / "manifest.json").exists():
        raise SystemExit("the web client is not built: make static/dist/manifest.json")
    with Stage(options.profile, whole=True) as stage:
        return asyncio.run(_run(stage, chromium, options, say))


async def _run(stage: Stage, chromium: str, options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    # A requirement of the tests, not of the product.
    async_api = importlib.import_module("playwright.async_api")
    house = await House.build(stage, options, say)
    async with async_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        figures: dict[str, Any] = {
            "channels": options.channels,
            "messages": options.messages,
            "initial_js_gzip_kib": initial_js_kib(),
        }
        try:
            visit = Visit(browser, house, options, say)
            await visit.sign_in()
            for name in ("open", "switch", "keys", "scroll", "memory"):
                if not options.only or name in options.only:
                    figures |= await getattr(visit, name)()
            figures["browser"] = f"Chromium {browser.version}, headless, {_VIEWPORT['width']} x {_VIEWPORT['height']}"
        finally:
            await browser.close()
            await house.close()
    return figures


def initial_js_kib() -> float:
    """What the first load brings, compressed as scripts/sizes.mjs does it."""
    manifest = json.loads((DIST / "manifest.json").read_text())
    waiting = [key for key, entry in manifest.items() if entry.get("isEntry")]
    files = set()
    while waiting:
        entry = manifest[waiting.pop()]
        if entry["file"] not in files:
            files.add(entry["file"])
            waiting += entry.get("imports", [])
    scripts = [name for name in files if name.endswith(".js")]
    return round(sum(len(gzip.compress((DIST / name).read_bytes(), 9)) for name in scripts) / 1024, 1)


class House:
    """The workspace: many channels, one very long, some with talk in them, and people who write."""

    def __init__(self, stage: Stage, viewer: Person, writers: Sequence[SocketClient], channels: list[Json]) -> None:
        self.stage, self.viewer, self.writers = stage, viewer, writers
        self.long, self.live, *self.others = channels
        self.talked = self.others[:_FILLED]
        self.last: dict[str, str] = {}
        self.posted = 0
        self.counts: Counter[str] = Counter()

    @classmethod
    async def build(cls, stage: Stage, options: argparse.Namespace, say: Callable[[str], None]) -> "House":
        url = stage.product.url
        viewer = await Person.sign_up(url, "Vera")
        owner = RestClient(url, stage.owner_token)
        try:
            invite = await owner.post(f"/v1/workspaces/{stage.workspace['id']}/invites", {"role": "member"})
        finally:
            await owner.close()
        await viewer.rest.post(f"/v1/invites/{invite['code']}/accept")
        people = await asyncio.to_thread(stage.seed, 4)
        group = [Seeded(viewer.id, await viewer.token()), *people]
        say(f"making {options.channels} channels")
        channels = await asyncio.to_thread(stage.channels, [group] * options.channels)
        writers = [await SocketClient(url, _giving(person.token)).start() for person in people]
        house = cls(stage, viewer, writers, channels)
        say(f"filling one with {options.messages:,} messages, {len(house.talked) + 1} with {_FILLED_WITH}")
        await asyncio.to_thread(house._prefill, people, options.messages)
        house.counts[house.long["id"]] = options.messages
        for channel in (house.live, *house.talked):
            await asyncio.gather(*(house.post(channel["id"]) for _ in range(_FILLED_WITH)))
        for channel in (house.long, house.live, *house.talked):
            await house.learn_last(channel["id"])
        return house

    def _prefill(self, people: Sequence[Seeded], count: int) -> None:
        asked = {
            "channel_id": self.long["id"],
            "workspace_id": self.stage.workspace["id"],
            "sender_ids": [person.id for person in people],
            "count": count,
            "mark": 0,
        }
        subprocess.run(
            [sys.executable, "-m", "bench.prefill"],
            cwd=ROOT,
            env=self.stage.product.roles["web-0"].env,
            input=json.dumps(asked),
            text=True,
            stdout=subprocess.PIPE,
            check=True,
            timeout=3600,
        )

    async def post(self, channel_id: str) -> None:
        self.posted += 1
        self.counts[channel_id] += 1
        writer = self.writers[self.posted // 3 % len(self.writers)]
        await writer.send(channel_id, f"{_TALK[self.posted % len(_TALK)]}\n{self.posted}")

    async def learn_last(self, channel_id: str) -> None:
        """Once everything that was posted is there."""
        async with asyncio.timeout(30):
            while True:
                page = await self.viewer.rest.get(f"/v1/channels/{channel_id}/messages", limit=1)
                if page["results"] and page["results"][0]["n"] >= self.counts[channel_id]:
                    break
                await asyncio.sleep(0.05)
        self.last[channel_id] = page["results"][0]["message_id"]

    @asynccontextmanager
    async def traffic(self, channel_id: str, rate: int) -> AsyncIterator[None]:
        async def flow() -> None:
            async with asyncio.TaskGroup() as group:
                while True:
                    group.create_task(self.post(channel_id))
                    await asyncio.sleep(1 / rate)

        task = asyncio.create_task(flow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        for writer in self.writers:
            await writer.close()
        await self.viewer.close()


def _giving(token: str) -> Callable[[], Awaitable[str]]:
    async def give() -> str:
        return token

    return give


class Visit:
    def __init__(
        self, browser: "Browser", house: House, options: argparse.Namespace, say: Callable[[str], None]
    ) -> None:
        self.browser, self.house, self.options, self.say = browser, house, options, say
        self.url = house.stage.product.url
        self.signed_in: Any = None

    def address(self, channel: Json) -> str:
        return f"{self.url}/w/{self.house.stage.workspace['id']}/c/{channel['id']}"

    async def context(self) -> "BrowserContext":
        """As another browser of hers: nothing in its cache."""
        context = await self.browser.new_context(viewport=_VIEWPORT, storage_state=self.signed_in)  # type: ignore[arg-type]
        context.set_default_timeout(60_000)
        await context.add_init_script(PROBE)
        return context

    async def sign_in(self) -> None:
        context = await self.context()
        page = await context.new_page()
        await page.goto(f"{self.url}/signin")
        await page.get_by_label("E-mail address").fill(self.house.viewer.email)
        await page.get_by_label("Password").fill(self.house.viewer.password)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_test_id("app").wait_for()
        state = await context.storage_state()
        # The session, and nothing that the page has kept for itself.
        self.signed_in = {"cookies": state["cookies"], "origins": []}
        await context.close()

    async def usable(self, page: "Page", channel: Json) -> float:
        wanted = [self.options.channels, self.house.last[channel["id"]]]
        return float(await page.evaluate("([n, last]) => bench.usable(n, last)", wanted))

    async def opened(self, channel: Json) -> "Page":
        page = await (await self.context()).new_page()
        await page.goto(self.address(channel), wait_until="commit")
        await self.usable(page, channel)
        await page.wait_for_load_state("networkidle")
        return page

    # -- what is measured

    async def open(self) -> dict[str, Any]:
        cold, warm = [], []
        for _ in range(self.options.opens):
            context = await self.context()
            page = await context.new_page()
            await page.goto(self.address(self.house.long), wait_until="commit")
            cold.append(await self.usable(page, self.house.long))
            await page.wait_for_load_state("networkidle")
            await page.goto("about:blank")
            await page.goto(self.address(self.house.long), wait_until="commit")
            warm.append(await self.usable(page, self.house.long))
            await context.close()
            self.say(f"open: {cold[-1]:.0f} ms, {warm[-1]:.0f} ms with what it loaded in the cache")
        return {"open_cold_ms": round(statistics.median(cold)), "open_warm_ms": round(statistics.median(warm))}

    async def switch(self) -> dict[str, Any]:
        """Half of them to channels that this page has not shown yet."""
        page = await self.opened(self.house.live)
        chance = random.Random(7)
        fresh = [*self.house.talked]
        seen: list[Json] = []
        times: dict[str, list[float]] = {"seen": [], "fresh": []}
        for number in range(self.options.switches):
            recent = seen[-9:-1]
            new = bool(fresh) and (number % 2 == 0 or not recent)
            channel = fresh.pop(chance.randrange(len(fresh))) if new else chance.choice(recent)
            if channel in seen:
                seen.remove(channel)
            seen.append(channel)
            link = page.locator(f'[data-testid="sidebar-channel"][data-channel-id="{channel["id"]}"]')
            await link.scroll_into_view_if_needed()
            box = await link.bounding_box()
            assert box, "a channel of the sidebar has no place"
            await page.evaluate(
                "(last) => { window.switched = bench.switching(last); }", self.house.last[channel["id"]]
            )
            await page.mouse.click(box["x"] + 40, box["y"] + box["height"] / 2)
            took = float(await page.evaluate("() => window.switched"))
            times["fresh" if new else "seen"].append(took)
            await asyncio.sleep(0.1)
        await page.context.close()
        figures = {"switch_p95_ms": _p(times["seen"] + times["fresh"], 0.95)}
        for name, taken in times.items():
            figures[f"switch_{name}_p50_ms"], figures[f"switch_{name}_p95_ms"] = _p(taken, 0.5), _p(taken, 0.95)
        self.say(f"switch: {figures}")
        return figures

    async def keys(self) -> dict[str, Any]:
        page = await self.opened(self.house.live)
        await page.locator(".main .composer :is(textarea, [contenteditable=true])").click()
        async with self.house.traffic(self.house.live["id"], self.options.rate):
            await asyncio.sleep(2)
            await page.evaluate("() => bench.typing()")
            text = "what I wanted to say about the kettle is that "
            for number in range(self.options.keys):
                await page.keyboard.press(text[number % len(text)] if text[number % len(text)] != " " else "Space")
                await asyncio.sleep(0.04 + 0.05 * random.random())
            await asyncio.sleep(0.5)
        found = await page.evaluate("() => bench.keys")
        await page.context.close()
        await self.house.learn_last(self.house.live["id"])
        figures = {
            "keys": len(found["paint"]),
            "key_paint_p50_ms": _p(found["paint"], 0.5),
            "key_paint_p95_ms": _p(found["paint"], 0.95),
            "key_work_p50_ms": _p(found["work"], 0.5),
            "key_work_p95_ms": _p(found["work"], 0.95),
            "key_events_over_16_ms": sum(each > 16 for each in found["slow"]),
            "key_long_frames": len(found["frames"]),
        }
        self.say(f"keys: {figures}")
        return figures

    async def scroll(self) -> dict[str, Any]:
        page = await self.opened(self.house.long)
        await page.mouse.move(900, 450)
        await page.evaluate("() => void bench.scrolling()")
        loop = asyncio.get_running_loop()
        end = loop.time() + self.options.scroll_seconds
        turns = 0
        while loop.time() < end:
            await page.mouse.wheel(0, -_WHEEL_PX)
            turns += 1
            await asyncio.sleep(_TICK_S)
        found = await page.evaluate("() => { bench.scrolled.on = false; return bench.scrolled; }")
        await page.context.close()
        figures = {
            "scroll_frames": found["frames"],
            "scroll_blank_frames": found["blank"],
            "scroll_worst_gap_px": round(found["worst"]),
            "scroll_walled_frames": found["walled"],
            "scroll_px_per_s": round(turns * _WHEEL_PX / self.options.scroll_seconds),
            "scroll_frame_p95_ms": _p(found["times"], 0.95),
        }
        self.say(f"scroll: {figures}")
        return figures

    async def memory(self) -> dict[str, Any]:
        """A third of the hour's messages in the channel on screen, which changes now and then; the rest all over."""
        page = await self.opened(self.house.live)
        devtools = await page.context.new_cdp_session(page)
        chance = random.Random(11)
        parts = 20
        of_part = self.options.hour_messages // parts
        shown = [self.house.live, *self.house.talked]
        heaps: list[float] = []
        nodes: list[int] = []
        for part in range(parts + 1):
            if part:
                channel = shown[part % len(shown)]
                await page.locator(f'[data-testid="sidebar-channel"][data-channel-id="{channel["id"]}"]').click()
                await self._play(channel["id"], of_part, chance)
            heap, count = await _heap(devtools)
            heaps.append(heap)
            nodes.append(count)
            self.say(f"memory: {part * of_part:>6} messages, {heap:.1f} MiB of heap, {count} nodes")
        await page.context.close()
        # The first fifth fills what is kept on purpose.
        settled = heaps[parts // 5 :]
        slope = statistics.linear_regression(range(len(settled)), settled).slope
        return {
            "hour_messages": self.options.hour_messages,
            "heap_start_mib": round(heaps[0], 1),
            "heap_settled_mib": round(settled[0], 1),
            "heap_end_mib": round(heaps[-1], 1),
            "heap_slope_mib_per_hour": round(slope * parts, 2),
            "dom_nodes_end": nodes[-1],
            "sweeps": {"heap_mib": heaps, "nodes": nodes},
        }

    async def _play(self, shown: str, count: int, chance: random.Random) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        places = [channel["id"] for channel in (self.house.live, *self.house.others)]
        waiting: set[asyncio.Task[None]] = set()
        for number in range(count):
            target = shown if number % 3 == 0 else chance.choice(places)
            task = asyncio.create_task(self.house.post(target))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
            ahead = began + number / self.options.hour_rate - loop.time()
            if ahead > 0:
                await asyncio.sleep(ahead)
        await asyncio.gather(*waiting)


async def _heap(devtools: "CDPSession") -> tuple[float, int]:
    """JavaScript's heap in MiB after a full collection, and how many DOM nodes are alive."""
    await devtools.send("HeapProfiler.enable")
    await devtools.send("HeapProfiler.collectGarbage")
    used = await devtools.send("Runtime.getHeapUsage")
    counters = await devtools.send("Memory.getDOMCounters")
    return used["usedSize"] / 2**20, int(counters["nodes"])


def _p(values: Sequence[float], share: float) -> float:
    return round(exact_percentile(list(values), share), 1)
