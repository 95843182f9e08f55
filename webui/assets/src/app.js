// Everything that listens for htmx or the page stands here, one file, no inline script anywhere.
import htmx from "htmx.org";
import "./extensions.js";
import { announce, showToast } from "./toasts.js";
import "./menus.js";
import "./confirm.js";
import "./small.js";

window.htmx = htmx;

const token = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRFToken"] = token();
});

// The server says what to show: HX-Trigger: {"toast": {...}}.
document.addEventListener("toast", (event) => showToast(event.detail));

document.addEventListener("htmx:sendError", () =>
  showToast({ kind: "danger", text: document.body.dataset.offline ?? "No connection. Nothing was changed; try again." }),
);

document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  if (status === 401) {
    location.reload();
    return;
  }
  if (event.detail.xhr.getResponseHeader("HX-Trigger")?.includes("toast")) return;
  showToast({ kind: "danger", text: `This did not work (${status}). Nothing was changed.` });
});

// A refused form (422, 409) is swapped like any answer: it carries the reasons beside the fields.
document.addEventListener("htmx:beforeSwap", (event) => {
  const status = event.detail.xhr.status;
  if ((status === 422 || status === 409) && event.detail.xhr.getResponseHeader("X-Fragment")) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

// A refused form that came as a whole page: begin at what is wrong, or have it read out.
addEventListener("DOMContentLoaded", () => {
  const wrong = document.querySelector('[aria-invalid="true"]');
  if (wrong) wrong.focus();
  const said = document.querySelector("[data-announce]");
  if (said && !wrong) announce(said.dataset.announce);
});

document.addEventListener("htmx:afterSwap", (event) => {
  const said = event.detail.target?.querySelector?.("[data-announce]");
  if (said) announce(said.dataset.announce);
  const wrong = event.detail.target?.querySelector?.('[aria-invalid="true"]');
  if (wrong) wrong.focus();
});
