/* The service worker: keeps the client itself for when there is no network, and shows pushes, takes them back, and opens
   what was clicked. apps/notifications/backends/push_web.py writes the pushes. apps/web/shell.py writes, before these lines,
   what the client consists of: another client is another worker. No answer of the API is ever kept here: what a person has
   read is kept by the page, for that person alone (frontend/app/src/state/offline.ts). */

// A push that says nothing itself shows the product's name, which is the same in every language.
const APP = "slackclone";
const { version, page, files } = self.SHELL;
const PREFIX = "slackclone-shell-";
const CACHE = PREFIX + version;
const BUILT = "/static/dist/assets/";
const PATIENCE_MS = 4000;
const SIGNS_OUT = ["/signout", "/v1/auth/signout"];

/* -- the client itself -- */

self.addEventListener("install", (event) => event.waitUntil(fill()));

/* Only a worker that nobody depends on takes over unasked; else the page offers it: see frontend/app/src/state/worker.ts. */
self.addEventListener("activate", (event) => event.waitUntil(clean().then(() => self.clients.claim())));

self.addEventListener("message", (event) => {
  if (event.data === "take-over") self.skipWaiting();
  else if (event.data === "fill") event.waitUntil(fill());
});

/* The page comes last: where it is, the rest is. Without it pushes are shown all the same. */
async function fill() {
  try {
    const cache = await caches.open(CACHE);
    if (await cache.match(page)) return;
    await cache.addAll(files);
    await cache.add(new Request(page, { credentials: "omit", cache: "reload" }));
  } catch {
    // No network, or no room: the next start asks again.
  }
}

/* A tab of the client before this one is open maybe, and still loads parts of it. */
async function clean() {
  const others = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(others.slice(0, -1).map((name) => caches.delete(name)));
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (request.method === "POST" && SIGNS_OUT.includes(url.pathname)) event.waitUntil(wipe());
  if (request.method !== "GET") return;
  if (request.mode === "navigate") {
    if (/^\/(?:w(?:\/.*)?)?$/.test(url.pathname)) event.respondWith(open(request));
  } else if (url.pathname.startsWith(BUILT)) event.respondWith(part(request));
  else if (files.includes(url.pathname)) event.respondWith(plain(request));
});

/* The server's page when it comes soon, else the kept one, which knows nobody. */
async function open(request) {
  const asked = fetch(request);
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, null));
  const answer = await Promise.race([asked, late]).catch(() => null);
  if (answer && answer.status < 500) return answer;
  return (await caches.match(page)) ?? answer ?? asked;
}

/* Their names tell what is in them, so what is kept is right; what is loaded on demand is kept once it was. */
async function part(request) {
  const kept = await caches.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok && !request.url.endsWith(".map")) {
    const copy = answer.clone();
    void caches.open(CACHE).then((cache) => cache.put(request, copy)).catch(() => undefined);
  }
  return answer;
}

async function plain(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request);
    if (kept) return kept;
    throw error;
  }
}

/* Whoever signs out, by whichever page, leaves nothing here to read. */
async function wipe() {
  const databases = await self.indexedDB.databases();
  for (const { name } of databases)
    if (name.startsWith("slackclone-offline:") || name.startsWith("canvas:")) self.indexedDB.deleteDatabase(name);
  for (const name of await caches.keys()) if (name.startsWith(PREFIX)) await caches.delete(name);
}

/* -- pushes -- */

self.addEventListener("push", (event) => {
  let push;
  try {
    push = event.data.json();
  } catch {
    push = { tag: "unknown", title: "", body: "", data: {} };
  }
  event.waitUntil(push.close ? close(push.tag) : show(push));
});

async function show(push) {
  await self.registration.showNotification(push.title || APP, {
    body: push.body,
    tag: push.tag,
    icon: "/static/img/icon-192.png",
    silent: push.quiet === true,
    data: push.data,
  });
}

async function close(tag) {
  for (const shown of await self.registration.getNotifications({ tag })) shown.close();
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data?.url || "/", self.location.origin);
  if (url.origin === self.location.origin) event.waitUntil(lead(url.href));
});

async function lead(url) {
  const windows = await self.clients.matchAll({ type: "window" });
  for (const client of windows) {
    if ("navigate" in client) {
      await client.focus();
      await client.navigate(url);
      return;
    }
  }
  await self.clients.openWindow(url);
}
