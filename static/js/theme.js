// Runs before the first paint. Where the server has not written data-theme,
// take it from the cookie `theme`, else follow the system and keep following it.
(() => {
  const root = document.documentElement;
  const chosen = () => (document.cookie.match(/(?:^|; )theme=(light|dark)/) || [])[1];
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => { root.dataset.theme = chosen() || (system.matches ? "dark" : "light"); };
  if (!root.dataset.theme || chosen()) apply();
  system.addEventListener("change", () => { if (!chosen()) apply(); });
})();
