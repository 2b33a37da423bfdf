// Collecting a payment: what is chosen, what is given, what goes back. form[data-collect]; see docs/design.md.

import { change } from "./cash.js";
import { $, $$, on } from "./dom.js";
import { fromCents, toCents } from "./money.js";

const chooseCharges = (form) => {
  const chosen = $$("[data-charge]", form).filter((box) => box.checked);
  const cents = chosen.reduce((sum, box) => sum + Number(box.dataset.charge), 0);
  $$("[data-total]", form).forEach((place) => { place.textContent = fromCents(cents); });
  const amount = $("[data-amount]", form);
  if (amount) amount.value = fromCents(cents);
};

// Less than the amount was given: the button takes that much on account.
const offerOnAccount = (form, amount) => {
  const label = $("[data-collect-label]", form);
  const field = $("[data-on-account]", form);
  if (!label || !field) return;
  field.value = amount === "" ? "" : "y";
  label.textContent = amount === "" ? label.dataset.wordCollect : label.dataset.wordAccount.replace("{}", amount);
};

const showChange = (form) => {
  const tendered = $("[data-tendered]", form);
  const output = $("[data-change]", form);
  if (!tendered || !output) return;
  const amount = toCents($("[data-amount]", form)?.value ?? "") ?? Number(form.dataset.due ?? 0);
  const due = amount === Number(form.dataset.owed) ? Number(form.dataset.cash) : amount;
  const back = change(due, tendered.value.trim() === "" ? due : toCents(tendered.value));
  const line = output.closest(".change-line");
  tendered.toggleAttribute("aria-invalid", back === null);
  output.textContent = back === null ? "—" : fromCents(Math.abs(back));
  const isShort = back !== null && back < 0 && $("input[name=method]:checked", form)?.dataset.cash === "true";
  offerOnAccount(form, isShort ? fromCents(due + back) : "");
  if (back === null) { line?.removeAttribute("data-short"); return; }
  line?.setAttribute("data-short", String(back < 0));
  const label = line && $(".change-label", line);
  if (label?.dataset.wordChange) label.textContent = back < 0 ? label.dataset.wordMissing : label.dataset.wordChange;
};

on("input", (event) => {
  const form = event.target.closest?.("[data-collect]");
  if (!form) return;
  if (event.target.matches("[data-charge]")) chooseCharges(form);
  showChange(form);
});

on("click", (event) => {
  const button = event.target.closest?.("[data-tender]");
  const form = button?.closest("[data-collect]");
  if (!form) return;
  const tendered = $("[data-tendered]", form);
  tendered.value = fromCents(Number(button.dataset.tender));
  tendered.dispatchEvent(new Event("input", { bubbles: true }));
  tendered.focus();
});
