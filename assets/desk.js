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
