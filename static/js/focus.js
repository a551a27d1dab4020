// Focus goes to the result of an action: a notice, an error, the heading of what was opened.
const move = (selector) => {
  const result = document.querySelector(selector);
  if (!result) return;
  result.removeAttribute("data-focus");
  result.focus({ preventScroll: result.matches("h1, h2") });
};

// What had the focus may be replaced: then what came has it, a chosen filter before any other control.
let lost = false;
const find = (part) => part.querySelector("[aria-current=true]") ?? part.querySelector("a, button, summary");
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  lost = detail.target.contains(document.activeElement);
});
document.addEventListener("htmx:afterSettle", ({ target }) => {
  move("[data-focus]");
  if (lost && document.activeElement === document.body) find(target)?.focus();
});
move("[data-focus]:not([data-focus=swap])");
// A page that came whole leaves focus at its top, where the browser put it.
document.querySelectorAll("[data-focus=swap]").forEach((heading) => heading.removeAttribute("data-focus"));
