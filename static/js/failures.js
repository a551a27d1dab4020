// A request that failed says so: a page is loaded whole, so that the server's own words are shown; a form gets a notice.
const notice = () => document.querySelector("[data-failure]");

const failed = ({ target, detail }) => {
  if (target.matches?.("form[data-composer]")) return; // send.js marks the message itself
  const { verb, path } = detail.requestConfig ?? {};
  if (verb === "get" && target.matches?.("a[href]")) location.assign(path);
  else notice()?.removeAttribute("hidden");
};

document.addEventListener("htmx:responseError", failed);
document.addEventListener("htmx:sendError", failed);
document.addEventListener("htmx:timeout", failed);
document.addEventListener("htmx:beforeRequest", () => notice()?.setAttribute("hidden", ""));
