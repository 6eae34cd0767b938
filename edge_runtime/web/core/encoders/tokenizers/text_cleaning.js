/**
 * Cleaning of a text before it is tokenised: ftfy's repairs without those of wrong encodings, HTML unescaped twice.
 *
 * Nobody types mojibake into a search field, so the table of wrong encodings stays out.
 */

import { firstCharacters } from "../../search/words/folding.js";

const MOST_CHARACTERS = 10_000;
const NAMED = new Map(
  Object.entries({ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", copy: "©", reg: "®", deg: "°" }),
);
// What ftfy replaces: ligatures, and characters of full or half width.
const LIGATURES = /[\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06]/g;
const WIDE = /[\uff01-\uffef\u3000]/g;
const CONTROLS = /[\0-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;
const PUNCTUATION = /[!-/:-@[-`{-~]/g;

/**
 * @param {string} text
 * @param {"lower" | "whitespace" | "canonicalize"} cleaning
 * @returns {string}
 */
export function cleaned(text, cleaning) {
  let found = unescaped(unescaped(repaired(firstCharacters(text, MOST_CHARACTERS))));
  if (cleaning === "canonicalize") found = found.replaceAll("_", " ").replace(PUNCTUATION, "").toLowerCase();
  const joined = found.split(/\s+/u).filter(Boolean).join(" ");
  return cleaning === "lower" ? joined.toLowerCase() : joined;
}

/** @param {string} text */
function repaired(text) {
  return text
    .replace(LIGATURES, (sign) => sign.normalize("NFKC"))
    .replace(WIDE, (sign) => sign.normalize("NFKC"))
    .replace(/[\u02bc\u2018-\u201b]/g, "'")
    .replace(/[\u201c-\u201f]/g, '"')
    .replace(CONTROLS, "")
    .normalize("NFC");
}

/** @param {string} text */
function unescaped(text) {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]+));/g, (whole, decimal, hexadecimal, name) => {
    if (name !== undefined) return NAMED.get(name) ?? whole;
    const code = decimal === undefined ? parseInt(hexadecimal, 16) : Number(decimal);
    const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return isCharacter ? String.fromCodePoint(code) : "\ufffd";
  });
}
