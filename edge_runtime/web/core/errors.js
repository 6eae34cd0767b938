/** The errors of the core, by cause. A message names the thing, what was found, and what to do. */

/** Base of all errors that the core throws on purpose. `code` is stable; the message is for people. */
export class EdgeIdentifyError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{cause?: unknown}} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A photo cannot be used. */
export class PhotoError extends EdgeIdentifyError {
  /**
   * @param {string} message
   * @param {{cause?: unknown}} [options]
   */
  constructor(message, options) {
    super("photo", message, options);
  }
}

/** A pack cannot be used: `pack-damaged`, `pack-format`, `pack-newer-format`, `pack-no-encoder` or `pack-not-found`. */
export class PackError extends EdgeIdentifyError {}

/** The set-up is wrong: an option, a filter that fits nothing, an empty text, or a full storage. */
export class SetupError extends EdgeIdentifyError {
  /**
   * @param {string} message
   * @param {{code?: string, cause?: unknown}} [options]
   */
  constructor(message, options) {
    super(options?.code ?? "setup", message, options);
  }
}

/**
 * @param {string} message
 * @param {{cause?: unknown}} [options]
 */
export function damaged(message, options) {
  return new PackError("pack-damaged", message, options);
}

/**
 * @param {string} message
 * @param {{cause?: unknown}} [options]
 */
export function badFormat(message, options) {
  return new PackError("pack-format", message, options);
}
