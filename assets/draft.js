// What is being written survives a lost connection: it stays in this tab until it is sent, and no longer.
const DRAFT = "draft";
const SENT = "draft.sent";
const form = document.querySelector("form[data-draft]");
const read = () => JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");

if (document.querySelector("[data-number]")) {
  const draft = read();
  if (draft) sessionStorage.setItem(SENT, draft.key);
  sessionStorage.removeItem(DRAFT);
}

if (form) {
  const resume = document.querySelector("form[data-resume]");
  const draft = read();
  if (resume && draft) offer(resume, draft);

  const keep = () => {
    const fields = Object.fromEntries([...new FormData(form)].filter(([, text]) => typeof text === "string"));
    // The way back from a receipt leads through what was sent already.
    if (fields.key !== sessionStorage.getItem(SENT)) sessionStorage.setItem(DRAFT, JSON.stringify(fields));
  };
  form.addEventListener("input", keep);
  if (!resume) keep();

  const notice = document.querySelector("[data-offline]");
  const tell = () => { notice.hidden = navigator.onLine; };
  addEventListener("offline", tell);
  addEventListener("online", tell);
  tell();
  form.addEventListener("submit", (event) => {
    if (!resume) keep();
    if (!navigator.onLine) event.preventDefault();
  });
}

function offer(resume, draft) {
  const { here, set, ...answers } = draft;
  for (const [name, value] of Object.entries({ ...answers, go: here })) {
    const field = Object.assign(document.createElement("input"), { type: "hidden", name, value });
    resume.append(field);
  }
  resume.hidden = false;
  resume.querySelector("[data-drop]").addEventListener("click", () => {
    sessionStorage.removeItem(DRAFT);
    resume.hidden = true;
  });
}
