// A sent message shows at once, muted; the server's copy replaces it, or it says "Not sent" and the text stays.
const composer = (event) => event.target.closest?.("form[data-composer]") === event.target && event.target;
const pending = () => document.querySelector("#messages [data-pending]");

document.addEventListener("htmx:beforeRequest", (event) => {
  const form = composer(event);
  if (!form) return;
  form.sent = form.elements.text.value;
  pending()?.remove();
  if (!form.sent.trim()) return;
  const bubble = document.getElementById("pending").content.firstElementChild.cloneNode(true);
  bubble.querySelector(".bubble__text").textContent = form.sent;
  bubble.classList.toggle("message--internal", form.elements.kind.value === "note");
  document.getElementById("messages").append(bubble);
  bubble.scrollIntoView({ block: "nearest" });
});

document.addEventListener("htmx:afterRequest", (event) => {
  const form = composer(event);
  const bubble = pending();
  if (!form) return;
  const status = event.detail.xhr.status;
  if ([401, 409, 422].includes(status)) return bubble?.remove(); // the answer itself says why
  if (status < 200 || status > 399) {
    bubble?.classList.remove("message--pending");
    bubble?.querySelectorAll("[data-sending], [data-failed]").forEach((line) => line.toggleAttribute("hidden"));
    return;
  }
  bubble?.remove();
  const box = form.elements.text;
  if (box.value.startsWith(form.sent)) box.value = box.value.slice(form.sent.length); // what was typed since stays
  box.focus();
});

document.addEventListener("click", ({ target }) => {
  const bubble = target.closest?.("[data-pending]");
  if (target.closest?.("[data-retry]")) [...document.querySelectorAll("[data-send]")].find((button) => button.checkVisibility())?.click();
  if (target.closest?.("[data-copy]")) navigator.clipboard?.writeText(bubble.querySelector(".bubble__text").textContent);
});
