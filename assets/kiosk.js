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
  return { category: null, name: "", building: "", unit: "", room: "", number: "", code: "", files: [], sent: false, dangerSeen: false };
}

function show(next) {
  view = next;
  for (const section of all("[data-view]")) section.hidden = section.dataset.view !== next;
  one("[data-bar]").hidden = next === "start";
  scrollTo(0, 0);
  if (next === "where") pick("building");
  if (next === "track") pick("number");
  if (next === "check") sum();
  if (next === "photo") eye.look();
  else eye.forget();
  if (next !== "voice") forgetVoice();
  if (next === "words") tellFiles();
  rest();
}

// Nothing of the last person stays: not in the page, not in what a key could bring back.
function wipe() {
  person = fresh();
  if (dialog.open) dialog.close();
  for (const it of all("[data-shown],[data-sum],[data-receipt],[data-slip],[data-fault],[data-refused],[data-found],[data-files-told]")) it.replaceChildren();
  one("[data-rating]").hidden = one("[data-points]").hidden = one("[data-lacking]").hidden = true;
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
    const isMute = view === "words" && it.dataset.go === "check" && !words() && !person.category && !person.files.length;
    const fault = one("[data-fault]");
    fault.hidden = !isMute;
    if (isMute) {
      fault.textContent = fault.dataset.words;
      return;
    }
    if (view === "words" && it.dataset.go === "check" && !person.dangerSeen && await tellsOfDanger(words())) {
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
    files: filesInWords(),
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
  const made = { community: body.dataset.community, location, made_at: new Date(Date.now() + Number(localStorage.getItem("skew"))).toISOString() };
  const said = words() || (person.files.length && !person.category ? "" : person.name);
  if (said) made.description = said;
  else made.subject = body.dataset.only;
  if (person.files.length) made.attachments_expected = person.files.length;
  if (person.category) made.category = person.category;
  if (phone()) made.contact = { phone: phone(), channel: "call" };
  return made;
}

one("[data-send]").addEventListener("click", async () => {
  if (person.sent) return;
  person.sent = true;
  const who = person;
  // What is sent cannot be changed any more, and the network may go at any moment: the slip is taken before.
  const slip = await takeSlip(body.dataset.kiosk);
  const made = slip ? { ...submission(), slip: slip.serial } : submission();
  const place = await enqueue(made, who.files);
  const { receipt, refused, lacking } = await deliver(place);
  count();
  if (refused) {
    await drop(place);
    if (slip) await returnSlip(slip);
  }
  if (person !== who) return;
  one("[data-lacking]").hidden = !lacking;
  if (receipt) print(receipt);
  else if (refused) {
    person.sent = false;
    one("[data-refused]").textContent = refused;
    one("[data-refused]").hidden = false;
  } else {
    stored(slip);
  }
});

function print(receipt) {
  const put = (name, text) => { one(`[data-receipt="${name}"]`).textContent = text; };
  put("number", receipt.number);
  put("code", receipt.receipt_code.replace(/(....)(....)/, "$1 $2"));
  put("received_on", receipt.received_on);
  put("promised", receipt.promised.join(" "));
  if (receipt.qr) one(`[data-receipt="qr"]`).replaceChildren(drawn(receipt.qr));
  show("receipt");
}
for (const it of all("[data-print]")) it.addEventListener("click", () => window.print());

function drawn(qr) {
  const make = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
  const picture = make("svg");
  picture.setAttribute("viewBox", `0 0 ${qr.side} ${qr.side}`);
  const path = make("path");
  path.setAttribute("d", qr.path);
  picture.append(path);
  return picture;
}

// Without network the slip is the receipt: its serial and code open the matter once it arrived.
function stored(slip) {
  one("[data-stub]").hidden = !slip;
  if (slip) {
    one(`[data-slip="serial"]`).textContent = slip.serial;
    one(`[data-slip="code"]`).textContent = slip.code.replace(/(....)(....)/, "$1 $2");
  }
  show("stored");
}

// Photos and voice notes.
const eye = camera(one(`[data-view="photo"]`), (blob) => { person.files.push(blob); show("words"); });
const forgetVoice = voiceNote(one("[data-recorder]"), (blob) => { person.files.push(blob); show("words"); });
for (const it of all("[data-sense]")) it.hidden = !navigator.mediaDevices?.getUserMedia;
one("[data-drop-files]").addEventListener("click", () => { person.files = []; tellFiles(); });

function filesInWords() {
  const n_voices = person.files.filter((it) => it.type.startsWith("audio")).length;
  const told = (text, n) => (n ? text.replace("0", n) : "");
  return [told(body.dataset.photos, person.files.length - n_voices), told(body.dataset.voices, n_voices)].filter(Boolean).join(" · ");
}

function tellFiles() {
  one("[data-files-told]").textContent = filesInWords();
  one("[data-drop-files]").hidden = !person.files.length;
  for (const it of all("[data-sense]")) it.disabled = person.files.length >= 5;
}

// How a ticket stands, as its page tells it, without what is done with it there.
one("[data-track]").addEventListener("click", async () => {
  const who = person;
  // A slip's serial is short; a number has its day in front.
  const digits = person.number;
  const number = digits.length < 12 ? `S${digits}` : `${digits.slice(0, 8)}-${digits.slice(8)}`;
  const asked = { number: `${body.dataset.community}-${number}`, code: person.code };
  await found(await sent("/track", asked), who);
});

const sent = (path, fields) =>
  fetch(path, { method: "POST", body: new URLSearchParams(fields), signal: AbortSignal.timeout(10_000) }).catch(() => null);

async function found(answer, who, isDone = false) {
  if (person !== who) return;
  one("[data-missed]").hidden = answer?.ok ?? false;
  if (!answer?.ok) return;
  const main = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  if (person !== who) return;
  const rate = main.querySelector("input[name=verb][value=rate]")?.form;
  one("[data-rating]").hidden = !rate || isDone;
  one("[data-points]").hidden = true;
  if (rate) person.number = rate.querySelector("input[name=number]").value;
  for (const it of main.querySelectorAll("form,details:not(.why),.noprint")) it.remove();
  for (const it of main.querySelectorAll("a")) it.replaceWith(...it.childNodes);
  one("[data-found]").replaceChildren(...main.childNodes);
  show("found");
}

// One question, then a second that may be left out.
for (const it of all("[data-solved]")) {
  it.addEventListener("click", () => {
    person.solved = it.dataset.solved;
    one("[data-points]").hidden = false;
    one("[data-points]").scrollIntoView({ block: "center" });
    for (const other of all("[data-solved]")) other.setAttribute("aria-pressed", String(other === it));
  });
}
for (const it of all("[data-point]")) {
  it.addEventListener("click", async () => {
    const who = person;
    const asked = { number: who.number, code: who.code, verb: "rate", solved: who.solved, satisfaction: it.dataset.point };
    await found(await sent("/track/act", asked), who, true);
    scrollTo(0, 0);
  });
}

async function count() {
  const n = await countOf("waiting");
  one("[data-waiting]").hidden = n === 0;
  one("[data-waiting-count]").textContent = n;
}

// One at a time: a machine that wakes up has much to send.
let isFlushing = false;
async function flush() {
  if (isFlushing) return;
  isFlushing = true;
  try {
    await deliverAll();
    await count();
    await stockSlips(body.dataset.kiosk);
  } finally {
    isFlushing = false;
  }
}
addEventListener("online", flush);
setInterval(flush, TELL_MS);

// A device's clock may be wrong; what it says is set right by the server's.
async function alive() {
  const told = JSON.stringify({ now: new Date().toISOString(), waiting: await countOf("waiting") });
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch("/kiosk/alive", { method: "POST", headers, body: told, signal: AbortSignal.timeout(5000) }).catch(() => null);
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
