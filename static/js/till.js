// The count of a till, at its opening and closing: pieces and amounts are summed while they are typed.
//
//   form[data-count="S/"]; input[data-piece="20000"] + output[data-piece-sum]; output[data-pieces-total]
//   input[data-counted="cash|other"], in a tr[data-expected="cents"] with output[data-difference]
//   output[data-counted-total], output[data-difference-total]
//
// Enter goes to the next field of the count, as on an adding machine; the last one submits.

import { pieces, settle, total } from "./cash.js";
import { $, $$, on } from "./dom.js";
import { fromCents, toCents } from "./money.js";

const write = (form, output, cents) => {
  if (!output) return;
  output.textContent = cents === null ? "" : `${cents < 0 ? "-" : ""}${form.dataset.count} ${fromCents(Math.abs(cents))}`;
  output.classList.toggle("money-neg", cents < 0);
};

const countPieces = (form) => {
  const rows = $$("[data-piece]", form).map((input) => ({ input, pieces: pieces(input.value), cents: Number(input.dataset.piece) }));
  rows.forEach((row) => write(form, row.input.nextElementSibling, row.pieces * row.cents));
  return total(rows);
};

const recount = (form, changed) => {
  const inPieces = countPieces(form);
  write(form, $("[data-pieces-total]", form), inPieces);
  const cash = $('[data-counted="cash"]', form);
  if (cash && changed?.matches("[data-piece]")) cash.value = fromCents(inPieces).replaceAll(",", "");
  const inputs = $$("[data-counted]", form);
  const settled = settle(inputs.map((input) => {
    const counted = toCents(input.value);
    if (changed) input.toggleAttribute("aria-invalid", counted === null && input.value.trim() !== "");
    const expected = input.closest("tr")?.dataset.expected;
    return { expected: expected === undefined ? null : Number(expected), counted };
  }));
  inputs.forEach((input, at) => {
    const row = input.closest("tr");
    if (row) write(form, $("[data-difference]", row), settled.differences[at]);
  });
  write(form, $("[data-counted-total]", form), settled.counted);
  write(form, $("[data-difference-total]", form), settled.difference);
};

on("input", (event) => {
  const form = event.target.closest("form[data-count]");
  if (form) recount(form, event.target);
});

on("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("[data-piece], [data-counted]")) return;
  const fields = $$("[data-piece], [data-counted]", event.target.form);
  const next = fields[fields.indexOf(event.target) + 1];
  if (!next) return;
  event.preventDefault();
  next.focus();
  next.select();
});

$$("form[data-count]").forEach((form) => recount(form, null));
