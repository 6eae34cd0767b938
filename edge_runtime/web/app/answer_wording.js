// @ts-check
/** An answer in words, in the chosen language. The same rules as `edge_runtime/answers/wording.py`. */

import { number, percent, text } from "./texts.js";

/** @param {any} answer @returns {string} The decision in a word or two. */
export function decisionWords(answer) {
  return text(/** @type {import("./texts.js").TextKey} */ (`decision.${answer.decision ?? "none"}`));
}

/** @param {any} answer @returns {boolean} Whether the first match is named as what the photo shows. */
export function isNamed(answer) {
  return answer.decision === "identified" || answer.decision === "probably";
}

/** @param {any} answer @returns {string} How sure, in a few words; empty where there is no calibration. */
export function certaintyWords(answer) {
  if (answer.decision === null) return text("certainty.none");
  if (isNamed(answer)) return text(answer.decision === "probably" ? "certainty.check" : "certainty", { share: percent(answer.matches[0].confidence) });
  return text("certainty.known", { share: percent(answer.known_probability) });
}

/** @param {any} answer @returns {string} Why the decision is what it is. */
export function reasonWords(answer) {
  const [first, second] = answer.matches;
  if (!first) return text("why.nothing");
  const score = number(first.score);
  const ahead = second ? first.score - second.score : null;
  if (answer.decision === null) return text("why.uncalibrated", { score });
  if (answer.decision === "unknown") return text("why.unknown", { score });
  if (answer.decision === "ambiguous") return ahead === null ? text("why.alike") : text("why.ambiguous", { ahead: number(Math.abs(ahead)) });
  return pointsAhead(answer.matches) || speaksForFirst(first, ahead);
}

/** @param {any[]} matches */
function pointsAhead(matches) {
  const [first, ...others] = matches.map((match) => match.matched_points ?? 0);
  const next = Math.max(0, ...others);
  if (first <= next) return "";
  return text(others.length ? "why.points" : "why.points.alone", { count: first, next, score: number(matches[0].score) });
}

/** @param {any} first @param {number | null} ahead */
function speaksForFirst(first, ahead) {
  const score = number(first.score);
  if (ahead === null) return text("why.only", { score });
  return Math.round(ahead * 100) <= 0 ? text("why.others", { score }) : text("why.ahead", { ahead: number(ahead), score });
}
