// Which of many boxes lies nearest in the direction of an arrow key. Boxes: {left, right, top, bottom, width}.

const gap = (a1, a2, b1, b2) => Math.max(0, a1 - b2, b1 - a2);

/** The index of the nearest box in the direction of `key` ("ArrowLeft" …), or -1. */
export const nearest = (from, boxes, key) => {
  const horizontal = key === "ArrowLeft" || key === "ArrowRight";
  const sign = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
  let best = -1;
  let bestCost = Infinity;
  boxes.forEach((box, index) => {
    if (!box.width) return;
    const along = (horizontal ? box.left - from.left : box.top - from.top) * sign;
    const across = horizontal
      ? gap(from.top, from.bottom, box.top, box.bottom)
      : gap(from.left, from.right, box.left, box.right);
    if (along <= 1 || (!horizontal && across > 0)) return;
    const cost = along + across * 3 + (horizontal ? Math.abs(box.top - from.top) * 0.2 : 0);
    if (cost < bestCost) { bestCost = cost; best = index; }
  });
  return best;
};
