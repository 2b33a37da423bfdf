// The closing of a till: pieces and amounts are summed while they are typed.
//
//   form[data-count]; input[data-piece="20000"] + output[data-piece-sum]; output[data-pieces-total]
//   tr[data-expected="cents"] > input[data-counted="cash|other"], output[data-difference]
//   output[data-counted-total], output[data-difference-total]

import { pieces, settle, total } from "./cash.js";
import { $, $$ } from "./dom.js";
import { fromCents, toCents } from "./money.js";

const form = $("form[data-count]");

const write = (output, cents) => {
  if (!output) return;
  output.textContent = cents === null ? "" : `${cents < 0 ? "-" : ""}S/ ${fromCents(Math.abs(cents))}`;
  output.classList.toggle("money-neg", cents < 0);
};

const countPieces = () => {
  const rows = $$("[data-piece]", form).map((input) => ({ input, pieces: pieces(input.value), cents: Number(input.dataset.piece) }));
  rows.forEach((row) => write(row.input.nextElementSibling, row.pieces * row.cents));
  return total(rows);
};

const recount = (event) => {
  const inPieces = countPieces();
  write($("[data-pieces-total]", form), inPieces);
  const cash = $('[data-counted="cash"]', form);
  if (cash && event?.target.matches("[data-piece]")) cash.value = fromCents(inPieces).replaceAll(",", "");
  const inputs = $$("[data-counted]", form);
  const settled = settle(inputs.map((input) => {
    const counted = toCents(input.value);
    input.toggleAttribute("aria-invalid", counted === null && input.value.trim() !== "");
    const { expected } = input.closest("tr").dataset;
    return { expected: expected === undefined ? null : Number(expected), counted };
  }));
  inputs.forEach((input, at) => write($("[data-difference]", input.closest("tr")), settled.differences[at]));
  write($("[data-counted-total]", form), settled.counted);
  write($("[data-difference-total]", form), settled.difference);
};

form.addEventListener("input", recount);
recount();
