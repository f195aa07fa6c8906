"""More than two hundred hostile texts, links, file names and files: no script runs, and nothing is served as a page."""

import asyncio
import io
import re

import pytest
from PIL import Image
from playwright.async_api import expect

from bench.client import Json, Person
from bench.product import Product
from tests.browser.pages import Window, chromium
from tests.flows.test_files import upload

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

JS = "window.__pwned=1"
TAGS = [
    f"<script>{JS}</script>", f"<img src=x onerror={JS}>", f"<svg onload={JS}>", f"<svg><script>{JS}</script></svg>",
    f"<body onload={JS}>", f"<iframe srcdoc='<script>parent.{JS}</script>'>", f"<iframe src=javascript:parent.{JS}>",
    f"<details open ontoggle={JS}>", f"<video><source onerror={JS}></video>", f"<math><mtext><img src=x onerror={JS}>",
    f"<a href=javascript:{JS}>x</a>", f"<form action=javascript:{JS}><input type=submit autofocus onfocus={JS}>",
    f"<style>@import 'javascript:{JS}';</style>", f"<object data=javascript:{JS}>", f"<embed src=javascript:{JS}>",
    f"<base href=javascript:{JS}//>", f"<meta http-equiv=refresh content='0;url=javascript:{JS}'>",
    f"<link rel=stylesheet href=javascript:{JS}>", f"<marquee onstart={JS}>x</marquee>",
    f"<noscript><p title='</noscript><img src=x onerror={JS}>'>", f"<!--><img src=x onerror={JS}>-->",
    f"<template><img src=x onerror={JS}></template>", f"<svg><a xlink:href=javascript:{JS}><text>x</text></a></svg>",
    f"<select><style></select><img src=x onerror={JS}></style>", f"<xss contenteditable autofocus onfocus={JS}>",
]  # fmt: skip
SCHEMES = [
    f"javascript:{JS}", f"JaVaScRiPt:{JS}", f"java\tscript:{JS}", f"&#106;avascript:{JS}", f"javascript&colon;{JS}",
    f"\x01javascript:{JS}", f"vbscript:{JS}", f"data:text/html,<script>{JS}</script>",
    "data:text/html;base64,PHNjcmlwdD4=", f"blob:http://x/{JS}", "file:///etc/passwd", f"//evil.example/{JS}",
    f'https://x" onmouseover="{JS}', f"https://x' onfocus='{JS}' autofocus='", f"https://x><img src=x onerror={JS}>",
]  # fmt: skip
WRAPS = ["[x]({})", "![x]({})", "<{}>", "[x]: {}\n\n[x]", '[x](<{}> "t")']
FRAMES = ["{}", "**{}**", "```\n{}\n```", "> - 1. {}"]
MARKDOWN = [frame.format(tag) for tag in TAGS for frame in FRAMES] + [
    wrap.format(url) for url in SCHEMES for wrap in WRAPS
]
NAMES = [
    f"<img src=x onerror={JS}>.txt", f'"><svg onload={JS}>.txt', f"'-{JS}-'.txt", f"javascript:{JS}.txt",
    "a\r\nSet-Cookie: x=1.txt", "..%2f..%2fetc%2fpasswd", "....//....//x.txt", "C:\\windows\\x.txt", "%00.txt",
    "con.txt", ".htaccess", "x.html", "x.svg", "x.xhtml", "x.js", "x.mht",
    "@preview", "@thumb", "preview.webp", "a;b=c.txt",
    'a"; filename="b.html', "ａ．ｈｔｍｌ", "zalgo\u0301\u0302.txt", "🎉.txt", "-rf.txt", "$(x).txt",
    "`x`.txt", "{{7*7}}.txt",
]  # fmt: skip


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return out.getvalue()


PAGE = f"<html><body><script>{JS};top.{JS}</script><img src=x onerror='top.{JS}'></body></html>".encode()
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{JS}"><script>top.{JS}</script></svg>'.encode()
XML = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + SVG
CONTENTS = [
    *((f"page.{kind}", PAGE) for kind in ("html", "htm", "xhtml", "shtml", "txt", "png", "jpg", "gif", "webp", "pdf")),
    *((f"image.{kind}", SVG) for kind in ("svg", "svgz", "xml", "png", "gif", "html")),
    *((f"entities.{kind}", XML) for kind in ("xml", "svg", "xhtml")),
    *((f"polyglot.{kind}", png() + PAGE) for kind in ("png", "html", "jpg", "gif")),
    *((f"gif.{kind}", b"GIF89a/*" + PAGE + b"*/=1;" + JS.encode()) for kind in ("gif", "js", "html")),
    *((f"pdf.{kind}", b"%PDF-1.4\n" + PAGE) for kind in ("pdf", "html")),
    ("bom.html", b"\xef\xbb\xbf" + PAGE),
    ("utf7.html", b"+ADw-script+AD4-top." + JS.encode() + b"+ADw-/script+AD4-"),
    ("utf16.html", PAGE.decode().encode("utf-16")),
    ("code.js", JS.encode()),
    ("code.mjs", JS.encode()),
    ("sheet.css", b"body{background:url(javascript:" + JS.encode() + b")}"),
    ("x.wasm", b"\0asm\1\0\0\0"),
    ("x.swf", b"FWS" + PAGE),
]


def test_there_are_more_than_two_hundred() -> None:
    assert len(MARKDOWN) + len(NAMES) + len(CONTENTS) >= 200


async def test_nothing_runs(embedded: Product) -> None:
    ann = await Person.sign_up(embedded.url, "Ann Target")
    workspace = await ann.workspace("Fortress")
    channel = await ann.channel(workspace, "wall")
    for begin in range(0, len(MARKDOWN), 8):
        await asyncio.gather(*(ann.post(channel, text) for text in MARKDOWN[begin : begin + 8]))
        await asyncio.sleep(0.17)  # the limit of posts a second
    files: list[Json] = []
    for name, data in [*((name, b"text") for name in NAMES), *CONTENTS]:
        if len(files) >= 36:
            await asyncio.sleep(0.55)  # the limit of uploads a second
        files.append(await upload(ann, workspace, name, data))
    for begin in range(0, len(files), 10):
        await ann.post(channel, f"files {begin}", file_ids=[file["id"] for file in files[begin : begin + 10]])
    for file in files:
        for url in {file["url"], file["preview_url"], file["thumb_url"]} - {None}:
            answer = await ann.rest.raw("GET", url)
            assert answer.status == 200, url
            headers = answer.headers
            drawn = url != file["url"]
            assert headers["content-type"] == ("image/webp" if drawn else "application/octet-stream")
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["content-security-policy"] == "default-src 'none'; sandbox"
            assert headers["content-disposition"].startswith("attachment; ")
            assert "set-cookie" not in headers
            assert not drawn or (b"script" not in answer.body and answer.body[8:12] == b"WEBP")
    async with chromium() as browser:
        window = await Window.open(browser, embedded.url)
        page = window.page
        await page.goto("/signin")
        await page.get_by_label("E-mail address").fill(ann.email)
        await page.get_by_label("Password").fill(ann.password)
        await page.get_by_role("button", name=re.compile("^Sign in")).click()
        await window.ready()
        await page.goto(f"/w/{workspace['id']}/c/{channel['id']}")
        await expect(page.get_by_test_id("message-files").first).to_be_visible()
        shown = 0
        for _ in range(60):
            await page.get_by_test_id("timeline").hover()
            await page.mouse.wheel(0, -1500)
            shown = max(shown, await page.get_by_test_id("message").count())
            assert await page.evaluate("window.__pwned") is None
            if await page.get_by_text("This is the very beginning").count():
                break
        assert shown > 5
        for bad in await page.evaluate("[...document.querySelectorAll('#main a[href]')].map((a) => a.href)"):
            assert re.match(r"https?:|mailto:", bad), bad
        for name in ("page.html", "page.xhtml", "image.svg", "entities.xml", "polyglot.html", "code.js"):
            for file in (one for one in files if one["name"] == name):
                async with page.expect_download() as downloading:
                    await page.evaluate("url => { location.href = url }", file["url"])
                await (await downloading.value).cancel()
        assert await page.evaluate("window.__pwned") is None
        ours = [fault for fault in window.faults if "frame-ancestors" not in fault]
        assert ours == []
        await window.context.close()
    await ann.close()
