// Photos are made smaller before they are sent, and shown by the next page; a voice note is recorded in the page.
const PHOTO_SIDE = 2400;

const block = document.querySelector("[data-files]");
if (block) enliven(block);

function enliven(block) {
  const form = block.closest("form");
  const add = form.querySelector("[data-add]");
  block.classList.add("live");
  // Where the next page shows what was chosen, choosing is enough.
  if (add) add.hidden = true;
  const told = (input) => {
    const label = block.querySelector(`label[for=${input.id}]`);
    label.dataset.words ??= label.textContent;
    label.textContent = input.files.length ? `${label.dataset.words} ✓ ${input.files.length}` : label.dataset.words;
  };
  const send = () => {
    if (!add || !navigator.onLine) return;
    block.setAttribute("aria-busy", "true");
    form.requestSubmit(add);
  };
  const put = (input, files) => {
    const held = new DataTransfer();
    for (const file of files) held.items.add(file);
    input.files = held.files;
  };
  for (const input of block.querySelectorAll("input[accept^=image]")) {
    input.addEventListener("change", async () => {
      put(input, await Promise.all([...input.files].map(smaller)));
      told(input);
      if (input.files.length) send();
    });
  }
  const voice = block.querySelector("[data-voice]");
  const input = voice.querySelector("input");
  input.addEventListener("change", () => { told(input); send(); });
  if (!canRecord()) return;
  const recorder = block.querySelector("[data-recorder]");
  recorder.hidden = false;
  if (add) voice.hidden = true;
  voiceNote(recorder, (blob) => {
    put(input, [new File([blob], blob.type === "audio/mp4" ? "voice.m4a" : "voice.webm", { type: blob.type })]);
    told(input);
    send();
  });
}

// The photo as it is where the browser cannot read it: the server says what to do then.
async function smaller(file) {
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, PHOTO_SIDE / Math.max(picture.width, picture.height));
    const canvas = new OffscreenCanvas(Math.round(picture.width * scale), Math.round(picture.height * scale));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.86 });
    return new File([blob], file.name.replace(/\.\w{1,5}$/, "") + ".jpg", { type: "image/jpeg" });
  } catch {
    return file;
  }
}
