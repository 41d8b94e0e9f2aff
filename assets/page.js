// The code of a receipt's QR stands in the fragment, which no server sees: it goes into the form, and out of the address.
const code = document.querySelector("input[name=code]:not([type=hidden])");
const given = location.hash.slice(1).replace(/\D/g, "");
if (code && given.length === 8) {
  code.value = given;
  history.replaceState(null, "", location.pathname);
}
const summary = document.querySelector("[data-summary]");
if (summary) summary.focus();
const print = document.querySelector("[data-print]");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
