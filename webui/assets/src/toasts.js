// Short messages at the edge of the screen; read out by screen readers, gone after a while, kept while pointed at.
const ICONS = { success: "circle-check", danger: "alert-triangle", warning: "alert-triangle", info: "info-circle" };

export function announce(text) {
  const region = document.getElementById("announcer");
  if (!region) return;
  region.textContent = "";
  requestAnimationFrame(() => {
    region.textContent = text;
  });
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${document.body.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

function later(box, milliseconds) {
  let timer = setTimeout(() => box.remove(), milliseconds);
  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("focusin", () => clearTimeout(timer));
  box.addEventListener("pointerleave", () => {
    timer = setTimeout(() => box.remove(), 3000);
  });
}

export function showToast({ kind = "info", text = "" }) {
  const place = document.getElementById("toasts");
  if (!place || !text) return;
  const box = document.createElement("div");
  box.className = `toast-note toast-${kind}`;
  box.setAttribute("role", kind === "danger" ? "alert" : "status");
  const words = document.createElement("div");
  words.className = "flex-fill";
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn-close";
  close.setAttribute("aria-label", document.body.dataset.close ?? "Close");
  close.addEventListener("click", () => box.remove());
  box.append(icon(ICONS[kind] ?? "info-circle"), words, close);
  place.append(box);
  if (kind !== "danger") later(box, 7000);
}

document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("#toasts .toast-note")) {
    box.querySelector(".btn-close")?.addEventListener("click", () => box.remove());
    if (!box.classList.contains("toast-danger")) later(box, 9000);
  }
});
