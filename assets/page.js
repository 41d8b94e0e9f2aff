// The code of a receipt's QR stands in the fragment, which no server sees: it goes into the form, and out of the address.
const code = document.querySelector("input[name=code]:not([type=hidden])");
const given = location.hash.slice(1).replace(/\D/g, "");
if (code && given.length === 8) {
  code.value = given;
  history.replaceState(null, "", location.pathname);
}
const summary = document.querySelector("[data-summary]");
if (summary) summary.focus();
for (const print of document.querySelectorAll("[data-print]")) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
// Ticking a box by its words: what is filled in for someone else needs no second tick.
const other = document.querySelector("input[name=for_other]");
for (const field of document.querySelectorAll("input[name=for_name],input[name=for_relation]")) {
  field.addEventListener("input", () => { if (field.value) other.checked = true; });
}
