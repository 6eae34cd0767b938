/**
 * The JavaScript core of edge-identify: packs, photos, search and decisions, as the Python device code does it.
 *
 * README.md beside this file lists the names.
 */

export { EdgeIdentifyError, NetworkError, PackError, PhotoError, SetupError } from "./errors.js";
