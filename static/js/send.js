// A sent message shows at once, muted; the server's copy replaces it, or it says "Not sent" and the text stays.
const composer = (event) => event.target.closest?.("form[data-composer]") === event.target && event.target;
const pending = () => document.querySelector("#messages [data-pending]");

document.addEventListener("htmx:beforeRequest", (event) => {
  const form = composer(event);
  if (!form) return;
  form.sent = form.elements.text.value;
  pending()?.remove();
  form.querySelector("#composer-notice").replaceChildren();
  if (!form.sent.trim()) return;
  const bubble = document.getElementById("pending").content.firstElementChild.cloneNode(true);
  bubble.querySelector(".bubble__text").textContent = form.sent;
  bubble.classList.toggle("message--internal", form.elements.kind.value === "note");
  document.getElementById("messages").append(bubble);
  bubble.scrollIntoView({ block: "nearest" });
});

const failed = (event) => {
  if (!composer(event)) return;
  pending()?.classList.remove("message--pending");
  pending()?.querySelectorAll("[data-sending], [data-failed]").forEach((line) => line.toggleAttribute("hidden"));
};
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, failed);

document.addEventListener("htmx:beforeOnLoad", (event) => {
  const form = composer(event);
  const status = event.detail.xhr.status;
  if (!form || (status >= 400 && ![409, 422].includes(status))) return;
  pending()?.remove(); // the answer holds the message, or says why not
  if (status >= 400) return;
  const box = form.elements.text;
  if (box.value.startsWith(form.sent)) box.value = box.value.slice(form.sent.length); // what was typed since stays
  box.focus();
});

document.addEventListener("click", ({ target }) => {
  const bubble = target.closest?.("[data-pending]");
  if (target.closest?.("[data-retry]")) [...document.querySelectorAll("[data-send]")].find((button) => button.checkVisibility())?.click();
  if (target.closest?.("[data-copy]")) navigator.clipboard?.writeText(bubble.querySelector(".bubble__text").textContent);
});
