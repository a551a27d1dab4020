// In a people picker the list follows what is typed, so Enter need not send the form, and Down goes into the list.
document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.("[data-find]");
  if (!field || event.isComposing) return;
  if (event.key === "Enter" && window.htmx) event.preventDefault();
  if (event.key === "ArrowDown") {
    event.preventDefault();
    field.closest("[data-picker]").querySelector("[type=checkbox], [type=radio]")?.focus();
  }
});
