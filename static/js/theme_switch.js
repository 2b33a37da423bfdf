// The button that goes from light to dark to the system's theme; theme.js applies it before the first paint.

import { $, $$, on } from "./dom.js";

const NEXT = { light: "dark", dark: "system", system: "light" };
const chosen = () => (document.cookie.match(/(?:^|; )theme=(light|dark)/) ?? [])[1] ?? "system";
const ofSystem = () => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

const paint = () => $$("[data-theme-next]").forEach((button) => {
  const label = $("span", button);
  if (label) label.textContent = button.dataset[chosen()];
});

on("click", (event) => {
  if (!event.target.closest?.("[data-theme-next]")) return;
  const theme = NEXT[chosen()];
  document.cookie = theme === "system"
    ? "theme=; path=/; max-age=0; samesite=lax"
    : `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  document.documentElement.dataset.theme = theme === "system" ? ofSystem() : theme;
  paint();
});

paint();
