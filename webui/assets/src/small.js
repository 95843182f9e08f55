// Small comforts: copy buttons, theme switch, busy buttons, file drop, inserting fields at the cursor, unsaved changes.
import { announce } from "./toasts.js";

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) await copyText(copy);
  const theme = event.target.closest("[data-theme-switch]");
  if (theme) switchTheme();
  const insert = event.target.closest("[data-insert]");
  if (insert) insertText(insert);
  const width = event.target.closest("[data-preview-width]");
  if (width) setPreviewWidth(width);
});

async function copyText(button) {
  const text = button.dataset.copy || document.querySelector(button.dataset.copyFrom)?.textContent?.trim() || "";
  await navigator.clipboard.writeText(text);
  const label = button.querySelector("[data-label]");
  const before = label?.textContent;
  if (label) label.textContent = button.dataset.done ?? "Copied";
  button.classList.add("copied");
  announce(button.dataset.done ?? "Copied");
  setTimeout(() => {
    if (label) label.textContent = before;
    button.classList.remove("copied");
  }, 1800);
}

function switchTheme() {
  const root = document.documentElement;
  const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
  root.setAttribute("data-bs-theme", next);
  try {
    localStorage.setItem("theme", next);
  } catch {
    // private mode: the choice lasts for this page only
  }
}

function insertText(button) {
  const area = document.querySelector(button.dataset.into);
  if (!area) return;
  const at = area.selectionStart ?? area.value.length;
  area.setRangeText(button.dataset.insert, at, area.selectionEnd ?? at, "end");
  area.focus();
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function setPreviewWidth(button) {
  const frame = document.querySelector(button.dataset.frame);
  if (!frame) return;
  frame.classList.toggle("phone", button.dataset.previewWidth === "phone");
  for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
}

// A form that has been sent shows it, and can't be sent twice.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  const button = event.submitter ?? event.target.querySelector('button[type="submit"]');
  if (!button || event.target.hasAttribute("hx-post")) return;
  setTimeout(() => {
    button.classList.add("btn-loading");
    button.setAttribute("aria-disabled", "true");
  });
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll(".btn-loading")) {
    button.classList.remove("btn-loading");
    button.removeAttribute("aria-disabled");
  }
});

// Drop zone: the native file input lies over the whole zone; here only its name and size are shown.
document.addEventListener("change", (event) => {
  const zone = event.target.closest(".dropzone");
  if (!zone) return;
  const file = event.target.files?.[0];
  const name = zone.querySelector("[data-file-name]");
  if (name && file) name.textContent = `${file.name} (${Math.max(1, Math.round(file.size / 1024)).toLocaleString()} KB)`;
  zone.classList.toggle("has-file", Boolean(file));
  const most = Number(event.target.dataset.mostBytes ?? Infinity);
  event.target.setCustomValidity(file && file.size > most ? event.target.dataset.tooLarge : "");
  event.target.reportValidity();
});
for (const [name, on] of [["dragenter", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(name, (event) => event.target.closest?.(".dropzone")?.classList.toggle("over", on));
}

// A choice that needs something of its own says what, beside the field that takes it.
document.addEventListener("change", (event) => {
  const told = event.target.dataset?.tells && document.getElementById(event.target.dataset.tells);
  if (told) told.textContent = event.target.selectedOptions[0]?.dataset.tell ?? "";
});

// A letter half written is not lost by a wrong click.
let dirty = false;
document.addEventListener("input", (event) => {
  if (event.target.closest("[data-guard]")) dirty = true;
});
document.addEventListener("submit", () => {
  dirty = false;
});
addEventListener("beforeunload", (event) => {
  if (dirty) event.preventDefault();
});

// What scrolls can be scrolled with the keyboard too.
function reachScrollers() {
  // A <pre> is reached always: it says so itself.
  for (const box of document.querySelectorAll(".table-wrap")) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight + 1;
    if (scrolls) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  }
}
addEventListener("load", reachScrollers);
addEventListener("resize", reachScrollers);
document.addEventListener("htmx:afterSettle", reachScrollers);
