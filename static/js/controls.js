// Small controls: show a password, fill in a demo account, print, submit on change, bring into view.

import { $, $$, on } from "./dom.js";

const reveal = (button) => {
  const input = document.getElementById(button.dataset.reveal);
  const shown = input.type === "text";
  input.type = shown ? "password" : "text";
  button.setAttribute("aria-pressed", String(!shown));
};

on("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const button = event.target.closest("[data-reveal], [data-fill-email], [data-print]");
  if (!button) return;
  if ("reveal" in button.dataset) reveal(button);
  if ("fillEmail" in button.dataset) { $("#email").value = button.dataset.fillEmail; $("#password").focus(); }
  if ("print" in button.dataset) window.print();
});

// A choice takes no text: an accent composed over it would be written where the caret was last.
on("focusin", (event) => { if (event.target.matches?.("select")) getSelection()?.removeAllRanges(); });

on("change", (event) => { if (event.target.matches?.("[data-autosubmit]")) event.target.form?.requestSubmit(); });

// Once: the current hour, the chosen day.
$$("[data-into-view]").forEach((element) => element.scrollIntoView({ block: "center", inline: "nearest" }));

// A slip prints itself once; loaded again it is only shown.
if ($("[data-print-now]")) {
  history.replaceState(null, "", location.pathname);
  addEventListener("load", () => window.print());
}
