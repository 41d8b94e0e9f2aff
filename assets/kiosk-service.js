// The maintenance page: what waits, what was refused, and how many slips are left.
const one = (selector) => document.querySelector(selector);
const shelf = one("[data-shelf]");

async function count() {
  for (const name of ["waiting", "refused", "slips"]) one(`[data-count=${name}]`).textContent = await countOf(name);
}

one("[data-send-all]").addEventListener("click", async () => {
  await deliverAll();
  await count();
});

one("[data-unlock]").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = one("#unlock").value;
  one("#unlock").value = "";
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch("/kiosk/unlock", { method: "POST", headers, body: JSON.stringify({ token }) }).catch(() => null);
  one("[data-locked]").hidden = answer?.ok ?? false;
  if (answer?.ok) await list();
});

// What people typed is put in as text, never as a page.
async function list() {
  const items = await listRefused();
  shelf.replaceChildren(...items.map(card));
  shelf.hidden = items.length === 0;
}

function card({ place, body, why, files }) {
  const it = one("template").content.firstElementChild.cloneNode(true);
  it.dataset.place = place;
  const where = ["building", "unit", "room"].map((name) => body.location?.[name]).filter(Boolean).join(" · ");
  const n_files = files?.length ? ` · ${files.length} ${shelf.dataset.files}` : "";
  it.querySelector("[data-words]").textContent = `${body.description ?? body.subject ?? ""}${n_files}`;
  it.querySelector("[data-where]").textContent = [where, body.contact?.phone, body.made_at].filter(Boolean).join(" · ");
  it.querySelector("[data-why]").textContent = why;
  const then = (selector, work) => it.querySelector(selector).addEventListener("click", async () => {
    await work(place);
    await Promise.all([list(), count()]);
  });
  then("[data-send-again]", async (place) => { await sendAgain(place); await deliverAll(); });
  then("[data-done]", dropRefused);
  return it;
}

await count();
document.body.dataset.isReady = "yes";
