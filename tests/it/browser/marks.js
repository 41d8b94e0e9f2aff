// What a reader needs of a page by its `limits`, measured as it is drawn. Gives what falls short.
const faults = [];
const name = (it) => `<${it.tagName.toLowerCase()} ${it.id || it.name || it.className}> ${it.textContent.trim().slice(0, 20)}`;
const isSeen = (it) => {
  const box = it.getBoundingClientRect();
  return box.width > 1 && box.height > 1 && box.right > 0 && it.checkVisibility({ visibilityProperty: true });
};
const wide = document.documentElement.scrollWidth;
if (wide > innerWidth) faults.push(`scrolls sideways: ${wide} in ${innerWidth}`);

for (const it of document.querySelectorAll("a[href],button,input:not([type=hidden]),select,textarea,summary")) {
  if (!isSeen(it)) continue;
  const target = it.matches("[type=radio],[type=checkbox]") ? it.closest("label") : it;
  const { width, height } = target.getBoundingClientRect();
  if (Math.min(width, height) < limits.target - 0.5) faults.push(`small target ${Math.round(width)}×${Math.round(height)}: ${name(it)}`);
}

const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => {
  const part = (it) => (it /= 255) <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4;
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};
const ground = (it) => {
  for (let up = it; up; up = up.parentElement) {
    const [r, g, b, a = 1] = parts(getComputedStyle(up).backgroundColor);
    if (a === 1) return [r, g, b];
    if (a > 0) faults.push(`see-through ground: ${name(up)}`);
  }
  return [255, 255, 255];
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const it = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !isSeen(it) || it.closest("option,script,.unseen")) continue;
  const style = getComputedStyle(it);
  const size = parseFloat(style.fontSize);
  if (size < limits.text - 0.1) faults.push(`small text ${size}: ${name(it)}`);
  if (parseFloat(style.lineHeight) < size * (limits.lines - 0.005)) faults.push(`tight lines ${style.lineHeight} for ${size}: ${name(it)}`);
  const [one, other] = [light(parts(style.color)), light(ground(it))].sort((a, b) => b - a);
  const contrast = (one + 0.05) / (other + 0.05);
  if (contrast < limits.contrast) faults.push(`contrast ${contrast.toFixed(2)}: ${name(it)}`);
}
// An auditor reads what was written, as it was written.
const key = !document.querySelector(".trail") && document.body.innerText.match(/\b(site|look|home|report|channel|kind|promise|receipt|track|ticket|status|error|points|done|step|board|outcome|desk|boxes|collection|exception|print|fact|field|verb|event|set|admin|whatif|import|watch|mine|queue|bulk|files)\.[a-z_]+/);
if (key) faults.push(`no words for ${key[0]}`);
return [...new Set(faults)];
