// Copies what an address answers: the page shows JSON shortened, the clipboard gets all. Without one there is no button.
const buttons = () => document.querySelectorAll("[data-copies]");
const fetched = async (address) => {
  const answer = await fetch(address);
  if (!answer.headers.get("Content-Type")?.startsWith("application/fhir+json")) throw new Error("not JSON");
  return new Blob([await answer.text()], { type: "text/plain" });
};

if (navigator.clipboard?.write) for (const button of buttons()) button.hidden = false;

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copies]");
  if (!button) return;
  const told = document.querySelector("[data-copied]");
  try {
    // The promise goes in as it is: Safari forgets the click that allows this while it waits.
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": fetched(button.dataset.copies) })]);
    told.textContent = told.dataset.copied;
  } catch {
    told.textContent = told.dataset.notCopied;
  }
});
