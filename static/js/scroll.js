// A thread opens at its unread line, else at its end; "Newest" appears when the reader is over 100 px away from the end.
const away = (timeline) => Math.abs(timeline.scrollTop) > 100; // column-reverse: the end is 0, upwards is negative
const button = () => document.querySelector("[data-newest]");

const open = () => {
  const timeline = document.querySelector("[data-timeline]");
  if (!timeline || location.hash) return;
  const unread = document.getElementById("unread");
  const { top = 0 } = unread?.getBoundingClientRect() ?? {};
  if (unread && (top < timeline.getBoundingClientRect().top || top > innerHeight)) unread.scrollIntoView({ block: "start" });
  // The clinic's timeline begins at its end by itself; the portal's page is as long as its messages.
  if (!unread && !button()) document.getElementById("composer")?.scrollIntoView({ block: "nearest" });
};

document.addEventListener("scroll", ({ target }) => {
  if (target.matches?.("[data-timeline]")) button()?.toggleAttribute("hidden", !away(target));
}, { capture: true, passive: true });

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-newest]")) document.querySelector("[data-timeline]").scrollTo({ top: 0, behavior: "smooth" });
});

// Two pages of one day need its line once.
document.addEventListener("htmx:afterSettle", () => {
  const days = [...document.querySelectorAll("[data-timeline] .day")];
  const date = (line) => line?.querySelector("time").dateTime;
  days.forEach((line, at) => date(line) === date(days[at - 1]) && line.remove());
});

document.addEventListener("htmx:load", ({ target }) => target.matches?.("#conversation") && open());
open();
