// @ts-check
/** A photo on which a region can be marked: by a drag, by two fingers on two corners, or by keys. */

import { element } from "./dom.js";
import { text } from "./texts.js";

/** @typedef {{x: number, y: number, width: number, height: number}} Region Shares of the photo. */

const LEAST_SHARE = 0.04; // a smaller drag is a tap
const KEY_STEP = 0.05;

/**
 * Return the picker.
 *
 * @param {Blob} photo
 * @param {Region | null} region
 * @param {(region: Region | null) => void} onChange Called when the person has finished marking.
 */
export function regionPicker(photo, region, onChange) {
  const box = element("div", { class: "region", hidden: true });
  const url = URL.createObjectURL(photo);
  const image = element("img", { src: url, alt: text("your-photo"), draggable: "false", onload: () => URL.revokeObjectURL(url) });
  const frame = element("div", { class: "picker", tabindex: "0", role: "group", "aria-label": text("region.label"), "aria-describedby": "region-help region-keys" }, image, box);
  /** @type {Map<number, {x: number, y: number}>} */
  const fingers = new Map();
  /** @type {{x: number, y: number} | null} */
  let anchor = null;
  let current = region;

  /** @param {Region | null} marked */
  const draw = (marked) => {
    current = marked;
    box.hidden = marked === null;
    if (marked) Object.assign(box.style, { left: share(marked.x), top: share(marked.y), width: share(marked.width), height: share(marked.height) });
  };
  /** @param {PointerEvent} event */
  const point = (event) => {
    const around = image.getBoundingClientRect();
    return { x: within((event.clientX - around.left) / around.width), y: within((event.clientY - around.top) / around.height) };
  };
  frame.addEventListener("pointerdown", (event) => {
    frame.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, point(event));
    if (fingers.size === 1) anchor = point(event);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, point(event));
    const [first, second] = fingers.values();
    const other = second ?? anchor;
    if (other) draw(spanned(first, other));
  });
  const end = (/** @type {PointerEvent} */ event) => {
    if (!fingers.delete(event.pointerId) || fingers.size) return;
    anchor = null;
    if (current && (current.width < LEAST_SHARE || current.height < LEAST_SHARE)) draw(region);
    else if (!isSame(current, region)) finish();
  };
  const finish = () => {
    region = current;
    onChange(current);
  };
  frame.addEventListener("pointerup", end);
  frame.addEventListener("pointercancel", end);
  frame.addEventListener("keydown", (event) => {
    const next = byKey(event, current ?? { x: 0.25, y: 0.25, width: 0.5, height: 0.5 });
    if (!next) return;
    event.preventDefault();
    draw(next);
    finish();
  });
  draw(region);
  return element("div", {}, frame, element("p", { id: "region-help", class: "small faint" }, text("region.help")), element("p", { id: "region-keys", class: "unseen" }, text("region.keys")));
}

/**
 * Return the region after a key: arrows move it, with Shift they change its size.
 *
 * @param {{key: string, shiftKey: boolean}} event
 * @param {Region} region
 * @returns {Region | null} Null for other keys.
 */
export function byKey({ key, shiftKey }, region) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  if (!step) return null;
  const [across, down] = step.map((sign) => sign * KEY_STEP);
  if (!shiftKey) {
    return { ...region, x: Math.min(Math.max(region.x + across, 0), 1 - region.width), y: Math.min(Math.max(region.y + down, 0), 1 - region.height) };
  }
  return {
    ...region,
    width: Math.min(Math.max(region.width + across, KEY_STEP), 1 - region.x),
    height: Math.min(Math.max(region.height + down, KEY_STEP), 1 - region.y),
  };
}

/** @param {{x: number, y: number}} first @param {{x: number, y: number}} second @returns {Region} */
export function spanned(first, second) {
  const [x, y] = [Math.min(first.x, second.x), Math.min(first.y, second.y)];
  return { x, y, width: Math.abs(first.x - second.x), height: Math.abs(first.y - second.y) };
}

/** @param {number} value */
function within(value) {
  return Math.min(Math.max(value, 0), 1);
}

/** @param {number} value */
function share(value) {
  return `${100 * value}%`;
}

/** @param {Region | null} first @param {Region | null} second */
function isSame(first, second) {
  return JSON.stringify(first) === JSON.stringify(second);
}
