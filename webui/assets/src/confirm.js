// Danger asks first: a form or button with data-confirm opens the page's one dialog and goes on only after "yes".
const dialog = () => document.getElementById("confirm");

function ask(source) {
  const box = dialog();
  box.querySelector("[data-confirm-title]").textContent = source.dataset.confirm;
  box.querySelector("[data-confirm-text]").textContent = source.dataset.confirmText ?? "";
  const yes = box.querySelector("[data-confirm-yes]");
  yes.textContent = source.dataset.confirmYes ?? yes.dataset.default;
  yes.className = `btn btn-${source.dataset.confirmKind ?? "danger"}`;
  box.returnValue = "";
  box.showModal();
  return new Promise((resolve) => {
    box.addEventListener("close", () => resolve(box.returnValue === "yes"), { once: true });
  });
}

// htmx forms and buttons
document.addEventListener("htmx:confirm", async (event) => {
  const source = event.detail.elt.closest("[data-confirm]") ?? null;
  if (!source) return;
  event.preventDefault();
  if (await ask(source)) event.detail.issueRequest(true);
});

// plain forms
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.confirm || form.dataset.confirmed || form.hasAttribute("hx-post")) return;
  event.preventDefault();
  if (!(await ask(form))) return;
  form.dataset.confirmed = "1";
  form.requestSubmit(event.submitter);
});
