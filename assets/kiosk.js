// What a person types lives in one object and in the page, and goes with the person.

const body = document.body;
const all = (selector) => [...document.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);
const dialog = one("dialog[data-idle]");
const TELL_MS = 15_000;
const ALIVE_MS = 60_000;
// Digits of a field at most: a number has its day and five digits or more.
const DIGITS = { number: 16, code: 8 };

let person = fresh();
let view = "start";
let field = "building";
let timer;

function fresh() {
  return { category: null, name: "", building: "", unit: "", room: "", number: "", code: "", sent: false, dangerSeen: false };
}

function show(next) {
  view = next;
  for (const section of all("[data-view]")) section.hidden = section.dataset.view !== next;
  one("[data-bar]").hidden = next === "start";
  scrollTo(0, 0);
  if (next === "where") pick("building");
  if (next === "track") pick("number");
  if (next === "check") sum();
  rest();
}

// Nothing of the last person stays: not in the page, not in what a key could bring back.
function wipe() {
  person = fresh();
  if (dialog.open) dialog.close();
  for (const it of all("[data-shown],[data-sum],[data-receipt],[data-fault],[data-refused],[data-found]")) it.replaceChildren();
  for (const it of all("textarea,input")) {
    const clean = it.cloneNode(false);
    clean.value = "";
    it.replaceWith(clean);
  }
  for (const it of all("[data-fault],[data-refused],[data-missed]")) it.hidden = true;
  getSelection().removeAllRanges();
  show("start");
}

function rest() {
  clearTimeout(timer);
  if (view !== "start") timer = setTimeout(ask, body.dataset.idleS * 1000);
}

function ask() {
  let left = Number(body.dataset.leftS);
  one("[data-left]").textContent = left;
  dialog.showModal();
  const count = () => {
    left -= 1;
    one("[data-left]").textContent = Math.max(0, Math.ceil(left));
    if (left <= 0) wipe();
    else timer = setTimeout(count, 1000);
  };
  timer = setTimeout(count, Math.min(1, left) * 1000);
}

for (const touch of ["pointerdown", "keydown", "input"]) {
  addEventListener(touch, () => { if (!dialog.open) rest(); }, { passive: true });
}
one("[data-here]").addEventListener("click", () => { dialog.close(); rest(); });
dialog.addEventListener("cancel", () => rest());
one("[data-over]").addEventListener("click", wipe);

for (const tile of all("[data-category]")) {
  tile.addEventListener("click", () => {
    person.category = tile.dataset.category;
    person.name = tile.textContent.trim();
    const isDanger = "danger" in tile.dataset;
    person.dangerSeen = isDanger;
    show(isDanger ? "danger" : person.category ? "where" : "words");
  });
}

function pick(name) {
  field = name;
  for (const it of all("[data-field]")) it.setAttribute("aria-pressed", String(it.dataset.field === name));
}
for (const it of all("[data-field]")) it.addEventListener("click", () => pick(it.dataset.field));
for (const it of all("[data-key]")) {
  it.addEventListener("click", () => {
    const typed = person[field];
    const { key } = it.dataset;
    person[field] = key === "clear" ? "" : key === "back" ? typed.slice(0, -1) : (typed + key).slice(0, DIGITS[field] ?? 6);
    one(`[data-shown="${field}"]`).textContent = person[field];
  });
}

const words = () => one("#words").value.trim();
const phone = () => one("#phone").value.trim();

for (const it of all("[data-go]")) {
  it.addEventListener("click", async () => {
    const isMute = view === "words" && !words() && !person.category;
    const fault = one("[data-fault]");
    fault.hidden = !isMute;
    if (isMute) {
      fault.textContent = fault.dataset.words;
      return;
    }
    if (view === "words" && !person.dangerSeen && await tellsOfDanger(words())) {
      person.dangerSeen = true;
      show("danger");
      return;
    }
    show(it.dataset.go);
  });
}

// The server knows the words of danger; without it, the numbers stand at the foot of the page as always.
async function tellsOfDanger(text) {
  try {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch("/kiosk/danger", { method: "POST", headers, body: JSON.stringify({ text }), signal: AbortSignal.timeout(3000) });
    return answer.ok && (await answer.json()).danger;
  } catch {
    return false;
  }
}

function sum() {
  const place = ["building", "unit", "room"].filter((it) => person[it]);
  const label = (it) => one(`[data-field="${it}"] span`).textContent;
  const parts = {
    what: person.name,
    where: place.map((it) => `${label(it)} ${person[it]}`).join(" · ") || "—",
    words: words(),
    phone: phone(),
  };
  for (const [name, text] of Object.entries(parts)) {
    one(`[data-sum="${name}"]`).textContent = text;
    const row = one(`[data-sum-row="${name}"]`);
    if (row) row.hidden = !text;
  }
}

function submission() {
  const location = {};
  for (const it of ["building", "unit", "room"]) if (person[it]) location[it] = person[it];
  const made = { community: body.dataset.community, description: words() || person.name, location, made_at: new Date(Date.now() + Number(localStorage.getItem("skew"))).toISOString() };
  if (person.category) made.category = person.category;
  if (phone()) made.contact = { phone: phone(), channel: "call" };
  return made;
}

one("[data-send]").addEventListener("click", async () => {
  if (person.sent) return;
  person.sent = true;
  const who = person;
  const place = await enqueue(submission());
  const { receipt, refused } = await deliver(place);
  count();
  if (refused) await drop(place);
  if (person !== who) return;
  if (receipt) print(receipt);
  else if (refused) {
    person.sent = false;
    one("[data-refused]").textContent = refused;
    one("[data-refused]").hidden = false;
  } else show("stored");
});

function print(receipt) {
  const put = (name, text) => { one(`[data-receipt="${name}"]`).textContent = text; };
  put("number", receipt.number);
  put("code", receipt.receipt_code.replace(/(....)(....)/, "$1 $2"));
  put("received_on", receipt.received_on);
  put("promised", receipt.promised.join(" "));
  if (receipt.qr) {
    const make = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
    const picture = make("svg");
    picture.setAttribute("viewBox", `0 0 ${receipt.qr.side} ${receipt.qr.side}`);
    const path = make("path");
    path.setAttribute("d", receipt.qr.path);
    picture.append(path);
    one(`[data-receipt="qr"]`).replaceChildren(picture);
  }
  show("receipt");
}
one("[data-print]").addEventListener("click", () => window.print());

// How a ticket stands, as its page tells it, without what is done with it there.
one("[data-track]").addEventListener("click", async () => {
  const who = person;
  const asked = new URLSearchParams({ number: `${body.dataset.community}-${person.number.slice(0, 8)}-${person.number.slice(8)}`, code: person.code });
  const answer = await fetch("/track", { method: "POST", body: asked, signal: AbortSignal.timeout(10_000) }).catch(() => null);
  if (person !== who) return;
  one("[data-missed]").hidden = answer?.ok ?? false;
  if (!answer?.ok) return;
  const main = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  for (const it of main.querySelectorAll("form,details:not(.why),.noprint")) it.remove();
  one("[data-found]").replaceChildren(...main.childNodes);
  show("found");
});

async function count() {
  const n = await waitingCount();
  one("[data-waiting]").hidden = n === 0;
  one("[data-waiting-count]").textContent = n;
}

async function flush() {
  await deliverAll();
  await count();
}
addEventListener("online", flush);
setInterval(flush, TELL_MS);

// A device's clock may be wrong; what it says is set right by the server's.
async function alive() {
  const answer = await fetch("/kiosk/alive", { method: "POST", signal: AbortSignal.timeout(5000) }).catch(() => null);
  if (answer?.ok) localStorage.setItem("skew", Date.parse((await answer.json()).now) - Date.now());
}
setInterval(alive, ALIVE_MS);
await alive();
flush();

// The page and its files are kept for a day without network.
if ("serviceWorker" in navigator) {
  await navigator.serviceWorker.register("/kiosk/worker.js", { scope: "/kiosk" });
  const shell = await caches.open("kiosk-shell");
  const files = performance.getEntriesByType("resource").map((it) => new URL(it.name).pathname);
  await shell.addAll(["/kiosk", ...files.filter((it) => it.startsWith("/assets/"))]).catch(() => {});
  body.dataset.isKept = "yes";
}
