// Submissions on their way. Each is written down, encrypted, before it is sent, and goes when it was acknowledged.
// The key cannot leave the browser; what is read from the disk elsewhere is noise.
const NAME = "kiosk-queue";

const opened = new Promise((done, failed) => {
  const asked = indexedDB.open(NAME, 1);
  asked.onupgradeneeded = () => {
    asked.result.createObjectStore("key");
    asked.result.createObjectStore("waiting", { autoIncrement: true });
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

// Writes a submission down; gives its place in the queue.
export async function enqueue(body) {
  const id = [...crypto.getRandomValues(new Uint8Array(16))].map((it) => it.toString(16).padStart(2, "0")).join("");
  const plain = new TextEncoder().encode(JSON.stringify({ id, body }));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await key, plain);
  return settled((await store("waiting", "readwrite")).add({ iv, sealed }));
}

export async function waitingCount() {
  return settled((await store("waiting", "readonly")).count());
}

// Sends one; gives the receipt, a refusal in words, or nothing when it waits on.
export async function deliver(place) {
  return navigator.locks.request(`kiosk-${place}`, async () => {
    const kept = await settled((await store("waiting", "readonly")).get(place));
    if (!kept) return {};
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: kept.iv }, await key, kept.sealed);
    const { id, body } = JSON.parse(new TextDecoder().decode(plain));
    let answer;
    try {
      answer = await fetch("/kiosk/tickets", {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": id },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
      });
    } catch {
      return {};
    }
    if (answer.status === 201) {
      const receipt = await answer.json();
      await settled((await store("waiting", "readwrite")).delete(place));
      return { receipt };
    }
    // What is refused for what it says is refused for ever; anything else may pass later.
    if (answer.status !== 400 && answer.status !== 422) return {};
    const problem = await answer.json();
    return { refused: problem.errors?.map((it) => it.message).join(" ") ?? problem.detail };
  });
}

// What was refused with its person there is told and dropped; later it stays, to be seen by staff.
export async function drop(place) {
  await settled((await store("waiting", "readwrite")).delete(place));
}

export async function deliverAll() {
  for (const place of await settled((await store("waiting", "readonly")).getAllKeys())) await deliver(place);
}
