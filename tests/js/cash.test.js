import assert from "node:assert/strict";
import { test } from "node:test";

import { change, pieces, settle, total } from "../../static/js/cash.js";

test("change is what was given less what is due", () => {
  assert.equal(change(8000, 10000), 2000);
  assert.equal(change(8000, 5000), -3000);
  assert.equal(change(8000, null), null);
});

test("pieces are whole numbers", () => {
  assert.equal(pieces(" 12 "), 12);
  for (const typed of ["", "-1", "1.5", "x"]) assert.equal(pieces(typed), 0, typed);
  assert.equal(total([{ pieces: 2, cents: 20000 }, { pieces: 3, cents: 10 }]), 40030);
});

test("a difference is known once something was counted", () => {
  assert.deepEqual(settle([{ expected: 500, counted: null }]), { counted: 0, difference: null, differences: [null] });
  assert.deepEqual(
    settle([{ expected: 500, counted: 450 }, { expected: 100, counted: null }, { expected: null, counted: 20 }]),
    { counted: 470, difference: -150, differences: [-50, null, null] },
  );
});
