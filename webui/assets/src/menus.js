// Menus are <details>: they work without this file. Here: one open at a time, Escape and a click outside close.
const open = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.removeAttribute("open");
  const toggler = event.target.closest("[data-nav-toggle]");
  if (toggler) toggleNavigation(toggler);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    menu.removeAttribute("open");
    menu.querySelector("summary")?.focus();
  }
  if (document.body.classList.contains("nav-open")) closeNavigation();
});

// On a low screen the menu scrolls: the page that is open stays in sight.
document.querySelector('.side nav [aria-current="page"]')?.scrollIntoView({ block: "nearest" });

function toggleNavigation(button) {
  const opened = document.body.classList.toggle("nav-open");
  button.setAttribute("aria-expanded", String(opened));
  if (opened) document.querySelector(".side a")?.focus();
}

function closeNavigation() {
  document.body.classList.remove("nav-open");
  const button = document.querySelector("[data-nav-toggle][aria-expanded]");
  button?.setAttribute("aria-expanded", "false");
  button?.focus();
}
