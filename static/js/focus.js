// Focus goes to the result of an action: a notice, an error, the heading of what was opened.
const move = (selector) => {
  const result = document.querySelector(selector);
  if (!result) return;
  result.removeAttribute("data-focus");
  result.focus({ preventScroll: result.matches("h1, h2") });
};

document.addEventListener("htmx:afterSettle", () => move("[data-focus]"));
move("[data-focus]:not([data-focus=swap])");
// A page that came whole leaves focus at its top, where the browser put it.
document.querySelectorAll("[data-focus=swap]").forEach((heading) => heading.removeAttribute("data-focus"));
