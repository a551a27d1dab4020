// Typed text outlives a session that ends: this tab keeps it under person, thread and mode until the server has it.
const stem = (place) => `kept:${document.body.dataset.person}:${place}`;
const mode = (form) => form.querySelector("[name=kind]:checked")?.value ?? "reply";
const key = (form, which = mode(form)) => `${stem(form.dataset.keep)}:${which}`;
const fields = (form) => [...form.querySelectorAll("[name=text], [name=topic]")];

const save = (form) => {
  const typed = Object.fromEntries(fields(form).map((field) => [field.name, field.value]));
  if (Object.values(typed).some((text) => text.trim())) sessionStorage.setItem(key(form), JSON.stringify(typed));
  else sessionStorage.removeItem(key(form));
};

const restore = (form) => {
  const typed = JSON.parse(sessionStorage.getItem(key(form)) ?? "{}");
  for (const field of fields(form)) field.value ||= typed[field.name] ?? "";
  form.querySelector("[data-kept]")?.toggleAttribute("hidden", mode(form) === "note" || !sessionStorage.getItem(key(form, "note")));
};

const look = () => {
  for (const { dataset } of document.querySelectorAll("[data-clears]")) sessionStorage.removeItem(`${stem(dataset.clears)}:reply`);
  document.querySelectorAll("form[data-keep]").forEach(restore);
};

document.addEventListener("input", ({ target }) => {
  const form = target.closest?.("form[data-keep]");
  if (!form || (target.name === "kind" && !form.elements.text.value)) return form && restore(form);
  // Text that changes its mode leaves no copy in the other one: a note must never come back as a reply.
  if (target.name === "kind") sessionStorage.removeItem(key(form, mode(form) === "note" ? "reply" : "note"));
  save(form);
});
document.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  if (target.matches?.("form[data-keep]") && detail.xhr.status >= 200 && detail.xhr.status < 400) save(target);
});
document.addEventListener("submit", ({ target }) => target.matches("[data-leaves]") && sessionStorage.clear());
document.addEventListener("htmx:afterSettle", look);
look();
