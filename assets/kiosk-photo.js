// A photo by the kiosk's camera: seen, taken, taken again. `taken` gets the picture once it is wanted.
const PAGE_SIDE = 2000;

function camera(view, taken) {
  const part = (name) => view.querySelector(`[data-${name}]`);
  const video = part("eye"), canvas = part("still");
  let stream;

  const show = (state) => {
    video.hidden = part("snap").hidden = state !== "on";
    canvas.hidden = part("retake").hidden = part("keep").hidden = state !== "done";
  };
  const forget = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = undefined;
    video.srcObject = null;
    canvas.width = canvas.height = 0;
    part("blind").hidden = true;
    show("off");
  };
  async function look() {
    forget();
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: PAGE_SIDE }, facingMode: "environment" } });
      video.srcObject = stream;
      await video.play();
      show("on");
    } catch {
      part("blind").hidden = false;
    }
  }
  part("snap").addEventListener("click", () => {
    const scale = Math.min(1, PAGE_SIDE / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    show("done");
  });
  part("retake").addEventListener("click", () => show("on"));
  part("keep").addEventListener("click", () => canvas.toBlob((blob) => { forget(); taken(blob); }, "image/jpeg", 0.86));
  return { look, forget };
}
