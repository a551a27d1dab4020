// Ctrl+Enter sends; single letters move and open, but never while typing and never when switched off (WCAG 2.1.4).
const OFF = "keys-off";
const visible = (selector) => [...document.querySelectorAll(selector)].find((element) => element.checkVisibility());

const step = (by) => {
  const links = [...document.querySelectorAll(".thread-row__link")];
  const here = links.findIndex((link) => link === document.activeElement);
  const from = here < 0 ? links.findIndex((link) => link.ariaCurrent === "true") : here;
  links[Math.min(Math.max(from + by, 0), links.length - 1)]?.focus();
};

const press = (key) => {
  if (key === "j") return step(1);
  if (key === "k") return step(-1);
  if (key === "?") return document.getElementById("keys")?.togglePopover();
  const target = visible(`[data-key="${CSS.escape(key)}"]`);
  target?.focus();
  if (target?.matches("a, summary")) target.click();
  return target;
};

document.addEventListener("keydown", (event) => {
  const { key, target, ctrlKey, metaKey, altKey, isComposing } = event;
  if (isComposing) return;
  if (key === "Enter" && (ctrlKey || metaKey) && target.form) {
    return [...target.form.querySelectorAll("[data-send]")].find((button) => button.checkVisibility())?.click();
  }
  if (ctrlKey || metaKey || altKey || key.length !== 1 || localStorage.getItem(OFF)) return;
  if (target.closest("input, textarea, select, [contenteditable]")) return;
  if (press(key)) event.preventDefault();
});

const choice = document.querySelector("[data-keys-switch]");
if (choice) choice.checked = !localStorage.getItem(OFF);
document.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-keys-switch]")) return;
  if (target.checked) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "1");
});
