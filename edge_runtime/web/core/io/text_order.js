/** The order of texts by code point, as Python and SQLite sort them. JavaScript's own order is that of UTF-16 units. */

/**
 * @param {string} one
 * @param {string} other
 * @returns {number} Below 0 if `one` comes first.
 */
export function byCodePoint(one, other) {
  let at = 0;
  while (at < one.length && at < other.length && one[at] === other[at]) at++;
  if (at === one.length || at === other.length) return one.length - other.length;
  const [ours, theirs] = [one.charCodeAt(at), other.charCodeAt(at)];
  // A surrogate stands for a character beyond all that take one unit.
  return isSurrogate(ours) === isSurrogate(theirs) ? ours - theirs : isSurrogate(ours) ? 1 : -1;
}

/** @param {number} unit */
function isSurrogate(unit) {
  return unit >= 0xd800 && unit <= 0xdfff;
}
