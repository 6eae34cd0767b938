// @ts-check
/** Errors that the app explains in the person's language. */

export class AppError extends Error {
  /**
   * @param {string} code Names the text, `error.CODE`.
   * @param {string} message What was found, in English, for a report.
   * @param {string} [detail] A value that the screen uses.
   */
  constructor(code, message, detail = "") {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

/**
 * Return the code of any error.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function codeOf(error) {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  if (!(error instanceof Error)) return "unexpected";
  const known = { QuotaExceededError: "storage-full", AbortError: "cancelled", SecurityError: "no-storage", NoModificationAllowedError: "busy" };
  return known[/** @type {keyof typeof known} */ (error.name)] ?? "unexpected";
}
