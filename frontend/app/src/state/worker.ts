import { t } from "../i18n";
import { toast } from "./toasts";

const LOOK_AGAIN_MS = 60 * 60_000;
const WITHIN_MS = 30_000;
let registration: ServiceWorkerRegistration | undefined;
let lookedAt = 0;

/** The service worker keeps the client for when there is no network. A newer client waits until it is asked for, or no tab is left. */
export async function startWorker(): Promise<void> {
  window.addEventListener("vite:preloadError", () => offer(() => location.reload()));
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  registration = await navigator.serviceWorker.register("/sw.js", { scope: "/" });
  lookedAt = Date.now();
  registration.active?.postMessage("fill");
  const found = registration;
  if (found.waiting && found.active) offerWaiting(found.waiting);
  found.addEventListener("updatefound", () => {
    const fresh = found.installing;
    fresh?.addEventListener("statechange", () => {
      if (fresh.state === "installed" && found.active) offerWaiting(fresh);
    });
  });
}

/** After a server came back it may be another one. */
export function lookForNewVersion(): void {
  if (!registration || Date.now() - lookedAt < LOOK_AGAIN_MS / 60) return;
  lookedAt = Date.now();
  setTimeout(() => void registration?.update().catch(() => undefined), WITHIN_MS * Math.random());
}

setInterval(lookForNewVersion, LOOK_AGAIN_MS);

function offerWaiting(worker: ServiceWorker): void {
  offer(() => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    worker.postMessage("take-over");
  });
}

function offer(run: () => void): void {
  toast(t("A new version is ready."), { sticky: true, action: { label: t("Reload"), run } });
}

export async function dropShell(): Promise<void> {
  if (!("caches" in window)) return;
  for (const name of await caches.keys()) if (name.startsWith("slackclone-shell-")) await caches.delete(name);
}
