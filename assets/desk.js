// Staff pages: everything works without this; with it, it is faster.
const summary = document.querySelector("[data-summary]");
if (summary) summary.focus();

// A menu closes when one looks elsewhere.
const menu = document.querySelector("details.menu");
if (menu) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape") menu.open = false;
  });
}

const print = document.querySelector("[data-print]");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}

// A template begins a reply; what was typed is not thrown away without asking.
for (const templates of document.querySelectorAll("[data-templates]")) {
  templates.hidden = false;
  templates.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fill]");
    const field = button && document.getElementById(button.dataset.fill);
    if (!field) return;
    field.value = field.value === field.defaultValue ? button.dataset.words : `${field.value}\n${button.dataset.words}`;
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

// A photo on a stairwell: one tap opens the camera, and what it took is sent.
for (const form of document.querySelectorAll("form[data-photo]")) {
  form.classList.add("quick");
  form.querySelector("input[type=file]").addEventListener("change", (event) => {
    if (event.target.files.length === 0) return;
    form.setAttribute("aria-busy", "true");
    form.requestSubmit();
  });
}

// A list from a file goes into the field where it can be looked at; Excel writes GB18030.
for (const part of document.querySelectorAll("[data-into]")) {
  part.hidden = false;
  part.querySelector("input").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    const bytes = await file.arrayBuffer();
    const field = document.getElementById(part.dataset.into);
    try {
      field.value = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      field.value = new TextDecoder("gb18030").decode(bytes);
    }
    field.focus();
  });
}

// Words typed into a form are kept in this tab until the form was done; then the page comes back without them.
for (const form of document.querySelectorAll("form[data-draft]")) {
  const key = `draft ${form.dataset.draft}`;
  const texts = () => [...form.querySelectorAll("textarea")].filter((field) => field.name);
  const isRefused = document.querySelector(".told[role=alert]");
  const kept = JSON.parse(sessionStorage.getItem(key) ?? "{}");
  if (kept.sent && !isRefused) {
    sessionStorage.removeItem(key);
  } else {
    for (const field of texts()) {
      if (kept[field.name] && field.value === field.defaultValue && !isRefused) {
        field.value = kept[field.name];
        const folded = form.closest("details");
        if (folded) folded.open = true;
      }
    }
  }
  const keep = (sent) => {
    const words = { sent };
    for (const field of texts()) if (field.value !== field.defaultValue) words[field.name] = field.value;
    sessionStorage.setItem(key, JSON.stringify(words));
  };
  form.addEventListener("input", () => keep(false));
  form.addEventListener("submit", () => keep(true));
}

// The keyboard: j and k go through a list, Enter opens, x chooses, * chooses all, a goes to what is done with the
// chosen ones or to the next step, / to the search, ? tells all this. Not while something is typed or composed.
const rows = [...document.querySelectorAll("[data-row]")];
const bulk = document.querySelector("[data-bulk]");
const boxes = rows.map((row) => row.querySelector("input[type=checkbox]")).filter(Boolean);
let at = -1;
const go = (to) => {
  if (rows.length === 0) return;
  rows[at]?.classList.remove("at");
  at = Math.max(0, Math.min(rows.length - 1, to));
  rows[at].classList.add("at");
  rows[at].scrollIntoView({ block: "nearest" });
  rows[at].querySelector("a")?.focus({ preventScroll: true });
};
const count = () => {
  const shown = bulk?.querySelector("[data-chosen]");
  const chosen = boxes.filter((box) => box.checked).length;
  if (shown) shown.textContent = chosen > 0 ? `${chosen}` : "";
};
for (const box of boxes) box.addEventListener("change", count);
const open = (part) => {
  if (!part) return;
  if (part instanceof HTMLDetailsElement) part.open = true;
  part.querySelector("select,textarea,input:not([type=hidden]),button")?.focus();
};
const help = document.querySelector("dialog[data-keys]");
const keys = {
  j: () => go(at + 1),
  k: () => go(at - 1),
  x: () => {
    const box = rows[at]?.querySelector("input[type=checkbox]");
    if (box) box.click();
  },
  "*": () => {
    const all = boxes.some((box) => !box.checked);
    for (const box of boxes) box.checked = all;
    count();
  },
  a: () => open(bulk ?? document.querySelector(".panel.next") ?? rows[at]),
  "/": () => document.querySelector("input[type=search]")?.focus(),
  "?": () => help?.showModal(),
};
// A page gives parts of its own a key.
for (const part of document.querySelectorAll("[data-key]")) keys[part.dataset.key] = () => open(part);
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit(form.querySelector("button:not([type=button])"));
    return;
  }
  if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input:not([type=checkbox]):not([type=radio]),textarea,select,[contenteditable]");
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const done = keys[event.key];
  if (!done) return;
  event.preventDefault();
  done();
});

// A list follows what happens: over one stream, and by asking once a minute where streams are cut. It is not
// drawn again under somebody's hand: not while something is chosen, typed or unfolded.
const list = document.querySelector("[data-list]");
if (list) {
  const isBusy = () =>
    boxes.some((box) => box.checked) ||
    list.querySelector("details[open]") ||
    document.activeElement?.closest("form.find,[data-list] form,dialog[open]");
  let isDue = false;
  const redraw = async () => {
    if (!isDue || document.hidden || isBusy()) return;
    isDue = false;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok || answer.redirected || isBusy()) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main");
    if (fresh && fresh.innerHTML !== document.querySelector("main").innerHTML) {
      // Everything on the page hangs on its parts, so the page itself comes again, where it was.
      sessionStorage.setItem("at", `${location.pathname} ${at} ${scrollY}`);
      location.replace(location.href);
    }
  };
  const [path, row, height] = (sessionStorage.getItem("at") ?? "").split(" ");
  sessionStorage.removeItem("at");
  if (path === location.pathname) {
    if (Number(row) >= 0) go(Number(row));
    scrollTo(0, Number(height));
  }
  const due = () => {
    isDue = true;
  };
  setInterval(redraw, 1000);
  setInterval(due, 60000);
  const stream = new EventSource("/api/v1/events/stream");
  stream.addEventListener("ticket", due);
  stream.addEventListener("reset", due);
}
