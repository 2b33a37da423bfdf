import assert from "node:assert/strict";
import { test } from "node:test";

import { fromCents, toCents } from "../../static/js/money.js";

test("amounts are read in cents", () => {
  for (const [typed, cents] of [["0", 0], ["80", 8000], ["80.5", 8050], ["1,234.56", 123456], [" 1 200.00 ", 120000], ["7.", 700]]) {
    assert.equal(toCents(typed), cents, typed);
  }
});

test("what is no amount is nothing, for every form alike", () => {
  for (const typed of ["", " ", "abc", "-5", "1.234", "1.2.3", "S/ 5", "1e3", "12345678901"]) {
    assert.equal(toCents(typed), null, typed);
  }
});

test("cents are written with groups and two decimals", () => {
  for (const [cents, written] of [[0, "0.00"], [5, "0.05"], [123456, "1,234.56"], [-123456789, "-1,234,567.89"]]) {
    assert.equal(fromCents(cents), written);
  }
});

test("what is written is read again", () => {
  for (let cents = 0; cents < 5_000_000; cents += 1237) assert.equal(toCents(fromCents(cents)), cents);
});
