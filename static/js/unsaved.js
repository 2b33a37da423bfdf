// Typed but not saved: forms marked data-unsaved warn before the page is left.

import { $, on } from "./dom.js";

on("input", (event) => {
  const form = event.target.closest?.("form[data-unsaved], #dialog form, #panel form");
  if (form) form.dataset.dirty = "";
});

addEventListener("beforeunload", (event) => { if ($("form[data-unsaved][data-dirty]")) event.preventDefault(); });
