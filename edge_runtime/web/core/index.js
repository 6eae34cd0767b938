/**
 * The JavaScript core of edge-identify: packs, photos, search and decisions, as the Python device code does it.
 *
 * README.md beside this file lists the names.
 */

export { decisionInWords } from "./answers/wording.js";
export { EdgeIdentifyError, PackError, PhotoError, SetupError } from "./errors.js";
export { sha256 } from "./io/sha256.js";
export { filesFor, parseManifest, variantsToKeep } from "./pack/manifest.js";
export { compareVersions } from "./pack/pack_names.js";
export { PackIdentifier, openPack, openPacks } from "./pack_identifier.js";
export { exifOrientation, uprighted } from "./photos/exif_orientation.js";
export { cropped } from "./photos/images.js";
export { distanceM } from "./photos/position.js";
export { photoViews, preprocess } from "./photos/preprocessing.js";
export { blobPath, manifestPath, parseListing } from "./sync/listing.js";
export { trustedTarget } from "./sync/trusted_target.js";
