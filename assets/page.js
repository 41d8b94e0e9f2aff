// The code of a receipt's QR stands in the fragment, which no server sees: it goes into the form, and out of the address.
const code = document.querySelector("input[name=code]");
const given = decodeURIComponent(location.hash.slice(1)).replace(/\D/g, "");
if (code && given.length === 8) {
  code.value = given;
  history.replaceState(null, "", location.pathname);
}
const summary = document.querySelector("[data-summary]");
if (summary) summary.focus();
