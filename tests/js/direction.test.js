import assert from "node:assert/strict";
import { test } from "node:test";

import { nearest } from "../../static/js/direction.js";

const box = (left, top, width = 100, height = 40) => ({ left, top, width, height, right: left + width, bottom: top + height });

test("an arrow goes to the next box of the same column", () => {
  const others = [box(0, 100), box(0, 50), box(110, 50)];
  assert.equal(nearest(box(0, 0), others, "ArrowDown"), 1);
  assert.equal(nearest(box(0, 150), others, "ArrowUp"), 0);
});

test("sideways the same height wins over the nearer column's other rows", () => {
  const others = [box(110, 200), box(110, 4), box(220, 0)];
  assert.equal(nearest(box(0, 0), others, "ArrowRight"), 1);
  assert.equal(nearest(box(330, 0), others, "ArrowLeft"), 2);
});

test("there is nothing past the edge, and hidden boxes are no aim", () => {
  assert.equal(nearest(box(0, 0), [box(0, 50)], "ArrowUp"), -1);
  assert.equal(nearest(box(0, 0), [box(0, 50, 0)], "ArrowDown"), -1);
});
