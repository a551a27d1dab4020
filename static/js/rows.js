// The list shows which thread is open, and that it is not unread any more.
const links = () => document.querySelectorAll(".thread-row__link");

const mark = () => {
  for (const link of links()) {
    if (location.pathname.startsWith(link.pathname)) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
};

document.addEventListener("inbox:read", () => {
  const row = document.querySelector(".thread-row__link[aria-current]")?.closest(".thread-row--unread");
  row?.classList.remove("thread-row--unread");
  row?.querySelector(".thread-row__name > .visually-hidden")?.remove();
});
document.addEventListener("click", ({ target, ctrlKey, metaKey, shiftKey }) => {
  const link = target.closest?.(".thread-row__link");
  if (!link || ctrlKey || metaKey || shiftKey) return;
  links().forEach((other) => other.removeAttribute("aria-current"));
  link.setAttribute("aria-current", "true"); // at once: the answer follows
});
document.addEventListener("htmx:pushedIntoHistory", mark);
document.addEventListener("htmx:afterSettle", mark);
