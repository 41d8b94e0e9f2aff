// Submissions on their way. Each is written down, encrypted, before it is sent, and goes when it was acknowledged.
// The key cannot leave the browser; what is read from the disk elsewhere is noise.
const NAME = "kiosk-queue";
const SLIPS_MIN = 20;
const SLIPS_AT_ONCE = 40;
// What a file is refused for stays; anything else may pass later.
const FOR_EVER = [400, 404, 409, 413, 415, 422];

const opened = new Promise((done, failed) => {
  const asked = indexedDB.open(NAME, 2);
  asked.onupgradeneeded = () => {
    const made = asked.result;
    if (!made.objectStoreNames.contains("key")) made.createObjectStore("key");
    for (const name of ["waiting", "refused", "slips"]) {
      if (!made.objectStoreNames.contains(name)) made.createObjectStore(name, { autoIncrement: true });
    }
  };
  asked.onsuccess = () => done(asked.result);
  asked.onerror = () => failed(asked.error);
});

const settled = (request) => new Promise((done, failed) => {
  request.onsuccess = () => done(request.result);
  request.onerror = () => failed(request.error);
});

async function store(name, mode) {
  return (await opened).transaction(name, mode).objectStore(name);
}

const key = navigator.locks.request("kiosk-key", async () => {
  const kept = await settled((await store("key", "readonly")).get(0));
  if (kept) return kept;
  const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  await settled((await store("key", "readwrite")).put(made, 0));
  return made;
});

async function seal(plain) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const bytes = new TextEncoder().encode(JSON.stringify(plain));
  return { iv, sealed: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await key, bytes) };
}

async function unseal({ iv, sealed }) {
  const bytes = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await key, sealed);
  return JSON.parse(new TextDecoder().decode(bytes));
}

async function add(name, plain) {
  const kept = await seal(plain);
  return settled((await store(name, "readwrite")).add(kept));
}

async function take(name, place) {
  await settled((await store(name, "readwrite")).delete(place));
}

const asText = (blob) => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
  reader.onerror = () => failed(reader.error);
  reader.readAsDataURL(blob);
});

// Writes a submission down with its files; gives its place in the queue.
export async function enqueue(body, blobs) {
  const id = [...crypto.getRandomValues(new Uint8Array(16))].map((it) => it.toString(16).padStart(2, "0")).join("");
  const files = await Promise.all(blobs.map(async (it) => ({ type: it.type, text: await asText(it) })));
  return add("waiting", { id, body, files });
}

export async function countOf(name) {
  return settled((await store(name, "readonly")).count());
}

// Sends one; gives the receipt, a refusal in words, or nothing when it waits on. A receipt may come before its files
// are through: then it waits on, and is told the same receipt again.
export async function deliver(place) {
  return navigator.locks.request(`kiosk-${place}`, async () => {
    const kept = await settled((await store("waiting", "readonly")).get(place));
    if (!kept) return {};
    const { id, body, files } = await unseal(kept);
    const headers = { "Content-Type": "application/json", "Idempotency-Key": id };
    const answer = await post("/kiosk/tickets", headers, JSON.stringify(body), 10_000);
    // What is refused for what it says is refused for ever; anything else may pass later.
    if (answer?.status === 400 || answer?.status === 422) return { refused: await refusalOf(answer) };
    if (answer?.status !== 201) return { isAway: !answer };
    const receipt = await answer.json();
    const { isThrough, why } = await sendFiles(receipt, id, files ?? []);
    if (isThrough) {
      if (why) await add("refused", { id, body, files, why });
      await take("waiting", place);
    }
    return { receipt, lacking: why };
  });
}

async function sendFiles(receipt, id, files) {
  let why = "";
  for (const [nth, file] of files.entries()) {
    const form = new FormData();
    const bytes = Uint8Array.from(atob(file.text), (it) => it.charCodeAt(0));
    form.append("file", new Blob([bytes], { type: file.type }), file.type.startsWith("image") ? "photo.jpg" : "voice");
    const headers = { "Receipt-Code": receipt.receipt_code, "Idempotency-Key": `${id}-${nth}` };
    const answer = await post(`/kiosk/tickets/${receipt.number}/attachments`, headers, form, 60_000);
    if (answer && FOR_EVER.includes(answer.status)) why = await refusalOf(answer);
    else if (answer?.status !== 201) return { isThrough: false, why: "" };
  }
  return { isThrough: true, why };
}

const post = (path, headers, body, ms) =>
  fetch(path, { method: "POST", headers, body, signal: AbortSignal.timeout(ms) }).catch(() => null);

async function refusalOf(answer) {
  const problem = await answer.json().catch(() => ({}));
  return problem.errors?.map((it) => it.message).join(" ") ?? problem.detail ?? String(answer.status);
}

// What was refused with its person there is told and dropped.
export const drop = (place) => take("waiting", place);

// Sends what waits. What is refused with nobody there is put aside, for staff to see.
export async function deliverAll() {
  for (const place of await settled((await store("waiting", "readonly")).getAllKeys())) {
    const { refused, isAway } = await deliver(place);
    if (refused) await putAside(place, refused);
    // The others would wait for nothing, each its time.
    if (isAway) return;
  }
}

async function putAside(place, why) {
  const kept = await settled((await store("waiting", "readonly")).get(place));
  if (!kept) return;
  await add("refused", { ...await unseal(kept), why });
  await take("waiting", place);
}

// What was put aside, by its place.
export async function listRefused() {
  const found = [];
  for (const place of await settled((await store("refused", "readonly")).getAllKeys())) {
    found.push({ place, ...await unseal(await settled((await store("refused", "readonly")).get(place))) });
  }
  return found;
}

export const dropRefused = (place) => take("refused", place);

export async function sendAgain(place) {
  const kept = await settled((await store("refused", "readonly")).get(place));
  if (!kept) return;
  const { why, ...again } = await unseal(kept);
  await add("waiting", again);
  await take("refused", place);
}

// The reserve of slips: a receipt can be given although the network is away.
export async function stockSlips(kiosk) {
  if (await countOf("slips") >= SLIPS_MIN) return;
  const answer = await post("/kiosk/slips", { "Content-Type": "application/json" }, JSON.stringify({ count: SLIPS_AT_ONCE }), 10_000);
  if (answer?.status !== 201) return;
  for (const slip of (await answer.json()).slips) await add("slips", { kiosk, ...slip });
}

// The next slip, which is nobody else's then; nothing when there is none. Those of another kiosk are thrown away.
export async function takeSlip(kiosk) {
  return navigator.locks.request("kiosk-slips", async () => {
    for (const place of await settled((await store("slips", "readonly")).getAllKeys())) {
      const slip = await unseal(await settled((await store("slips", "readonly")).get(place)));
      await take("slips", place);
      if (slip.kiosk === kiosk) return slip;
    }
    return null;
  });
}

export const returnSlip = (slip) => add("slips", slip);
