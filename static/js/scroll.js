// A thread opens at its unread line; "Newest" appears when the reader is more than 100 px away from the end.
const away = (timeline) => Math.abs(timeline.scrollTop) > 100; // column-reverse counts from the end, downwards is 0
const button = () => document.querySelector("[data-newest]");

const open = (root) => {
  const line = root.querySelector?.("[data-timeline] #unread");
  const timeline = line?.closest("[data-timeline]");
  if (line && timeline.scrollHeight > timeline.clientHeight) line.scrollIntoView({ block: "start" });
};

document.addEventListener("scroll", ({ target }) => {
  if (target.matches?.("[data-timeline]")) button()?.toggleAttribute("hidden", !away(target));
}, { capture: true, passive: true });

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-newest]")) document.querySelector("[data-timeline]").scrollTo({ top: 0, behavior: "smooth" });
});

document.addEventListener("htmx:load", ({ target }) => target.matches?.("#conversation") && open(target));
open(document);
