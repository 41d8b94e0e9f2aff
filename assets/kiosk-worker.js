// Shows the kiosk's page while the network is away. It keeps the page and its files, and nothing that people type.
const SHELL = "kiosk-shell";
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const { request } = event;
  const { pathname } = new URL(request.url);
  if (request.method !== "GET" || !(pathname === "/kiosk" || pathname.startsWith("/assets/"))) return;
  event.respondWith(answer(request, pathname));
});

async function answer(request, pathname) {
  const shell = await caches.open(SHELL);
  if (pathname !== "/kiosk") return (await shell.match(request)) ?? fetch(request);
  try {
    return await fetch(request);
  } catch (away) {
    const kept = await shell.match("/kiosk");
    if (kept) return kept;
    throw away;
  }
}
