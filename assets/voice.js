// A voice note: recorded, listened to, recorded again. `taken` gets the sound once it is wanted.
const LONGEST_S = 180;

export function voiceNote(recorder, taken) {
  const part = (name) => recorder.querySelector(`[data-${name}]`);
  let media, blob, ticking;

  const show = (state) => {
    part("start").hidden = state !== "idle";
    part("stop").hidden = part("recording").hidden = state !== "on";
    part("again").hidden = part("use").hidden = part("heard").hidden = state !== "done";
  };
  const silence = () => {
    clearInterval(ticking);
    if (media?.state === "recording") media.stop();
    for (const track of media?.stream.getTracks() ?? []) track.stop();
  };
  const forget = () => {
    silence();
    if (part("heard").src) URL.revokeObjectURL(part("heard").src);
    part("heard").removeAttribute("src");
    media = blob = undefined;
    part("mute").hidden = true;
    show("idle");
  };

  async function start() {
    forget();
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      part("mute").hidden = false;
      return;
    }
    const kind = ["audio/webm;codecs=opus", "audio/mp4"].find((it) => MediaRecorder.isTypeSupported(it));
    const mine = new MediaRecorder(stream, { mimeType: kind, audioBitsPerSecond: 32_000 });
    media = mine;
    const chunks = [];
    mine.addEventListener("dataavailable", (event) => chunks.push(event.data));
    mine.addEventListener("stop", () => {
      // One that was given up meanwhile is heard by nobody.
      if (media !== mine) return;
      silence();
      blob = new Blob(chunks, { type: mine.mimeType.split(";")[0] });
      // One stopped at once has nothing to play, which a browser would complain about.
      if (blob.size) part("heard").src = URL.createObjectURL(blob);
      show("done");
    });
    mine.start(1000);
    let left = LONGEST_S;
    const tell = () => { part("seconds").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`; };
    tell();
    ticking = setInterval(() => {
      left -= 1;
      tell();
      if (left <= 1) silence();
    }, 1000);
    show("on");
  }

  part("start").addEventListener("click", start);
  part("again").addEventListener("click", start);
  part("stop").addEventListener("click", silence);
  part("use").addEventListener("click", () => taken(blob));
  show("idle");
  return forget;
}

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && self.MediaRecorder);
