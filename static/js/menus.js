// An open menu closes on Escape, on a click elsewhere and when something in it was chosen; <details> does not by itself.
const menus = () => document.querySelectorAll("details[data-menu][open]");
const shut = (menu) => {
  if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  menu.open = false;
};

document.addEventListener("click", ({ target }) => {
  for (const menu of menus()) if (!menu.contains(target) || target.closest(".menu__item")) shut(menu);
});
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") menus().forEach(shut);
});
