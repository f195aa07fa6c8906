/* The service worker: shows pushes, takes them back, and opens what was clicked. apps/notifications/backends/push_web.py
   writes what it reads. */

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let push;
  try {
    push = event.data.json();
  } catch {
    push = { tag: "unknown", title: "New message", body: "", data: {} };
  }
  event.waitUntil(push.close ? close(push.tag) : show(push));
});

async function show(push) {
  await self.registration.showNotification(push.title || "New message", {
    body: push.body,
    tag: push.tag,
    icon: "/static/img/logo.svg",
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
  if (url.origin === self.location.origin) event.waitUntil(open(url.href));
});

async function open(url) {
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
