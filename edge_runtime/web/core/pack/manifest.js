/** The manifest of a pack, `pack.json`: its values, and reading it. Every field of a hostile manifest is checked. */

import { PackError, badFormat } from "../errors.js";
import { parseJsonObject } from "../io/json_fields.js";
import { checkApart, checkedPackName, checkedPath, checkedSha256, checkedVersion } from "./pack_names.js";

/** @typedef {import("../io/json_fields.js").JsonObject} JsonObject */
/** @typedef {"onnx" | "coreml"} Runtime */
/** @typedef {{path: string, lengthBytes: number, sha256: string}} FileEntry */
/** @typedef {{name: string, dtype: string, shape: number[]}} Tensor */
/**
 * @typedef {object} Fidelity How close a variant is to the fp32 original.
 * @property {string} sample
 * @property {number} count
 * @property {number} cosineMean
 * @property {number} cosineMin
 * @property {number} top1Agreement
 * @property {number | null} cosineCentred
 * @property {number | null} top5Agreement
 * @property {number | null} recallChange
 */
/**
 * @typedef {object} Variant One exported form of a tower.
 * @property {string} name
 * @property {Runtime} runtime
 * @property {string} model Path of the model.
 * @property {string[]} files Paths of all its files.
 * @property {Tensor} input
 * @property {Tensor} output
 * @property {string} requires
 * @property {Fidelity} fidelity
 * @property {boolean} portable
 */
/**
 * @typedef {object} TokenizerSpec
 * @property {"clip-bpe" | "hf-json"} kind
 * @property {string} file
 * @property {number} contextLength
 * @property {"lower" | "whitespace" | "canonicalize"} cleaning
 * @property {number} padId
 */
/** @typedef {{name: string, pretrained: string, dim: number, spaceId: string, licence: string}} Model */
/**
 * @typedef {object} Preprocessing
 * @property {number} sizePx
 * @property {"shortest-side" | "squash"} resizeMode
 * @property {"pillow-bicubic" | "pillow-bilinear"} interpolation
 * @property {number[]} photoViews
 */
/**
 * @typedef {object} IndexSpec
 * @property {string} file
 * @property {"flat" | "sq8"} kind
 * @property {number} dim
 * @property {number} count
 * @property {string} embeddedWith
 * @property {number} mostImagesPerReference
 * @property {{file: string, recallAt10: number} | null} binaryCodes
 */
/** @typedef {{file: string, sidePx: number}} ThumbnailsSpec */
/**
 * @typedef {object} FeatureVariant One exported form of the local-feature net.
 * @property {string} name
 * @property {Runtime} runtime
 * @property {string} model
 * @property {string[]} files
 * @property {Tensor} input
 * @property {Tensor} descriptors
 * @property {Tensor} heat
 * @property {Tensor} reliability
 * @property {string} requires
 */
/** @typedef {{sidePx: number, mostPoints: number}} PointsRecipe */
/**
 * @typedef {object} LocalFeaturesSpec
 * @property {"thumbnails" | "descriptors"} form
 * @property {Map<string, FeatureVariant>} variants
 * @property {FeatureVariant} onnxVariant The net as ONNX, which every pack has.
 * @property {number} dim
 * @property {number} sideStepPx
 * @property {number} leastHeat
 * @property {number} leastSimilarity
 * @property {PointsRecipe} photo
 * @property {PointsRecipe} reference
 * @property {string | null} descriptorsFile
 */
/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {string} title
 * @property {string} generator
 * @property {Model} model
 * @property {Preprocessing} preprocessing
 * @property {Map<string, Variant>} imageVariants
 * @property {Map<string, Variant>} textVariants
 * @property {TokenizerSpec | null} tokenizer
 * @property {IndexSpec} index
 * @property {string} referencesFile
 * @property {number} referenceCount
 * @property {string} conformanceFile
 * @property {string | null} calibrationFile
 * @property {ThumbnailsSpec | null} thumbnails
 * @property {LocalFeaturesSpec | null} localFeatures
 * @property {Map<string, FileEntry>} files Every file but the manifest, by path.
 */

export const FORMAT_VERSION = 1;
export const MANIFEST_NAME = "pack.json";
export const MAX_MANIFEST_BYTES = 4 * 2 ** 20; // read whole into memory on a phone; a larger one is hostile

const MAX_FILE_BYTES = 2 ** 36;
const MAX_DIM = 8192;
const MAX_ROWS = 2 ** 31 - 1;
const MAX_SIZE_PX = 1024;
const MAX_THUMBNAIL_SIDE_PX = 1024;
const MAX_PHOTO_VIEWS = 8;
const LEAST_PHOTO_VIEW = 0.1;
const MAX_FEATURE_SIDE_PX = 1024;
export const MAX_POINTS = 2048;
const MAX_FEATURE_DIM = 512;
const MAX_TOKEN_ID = 2 ** 31 - 1;

/** Best first: small variants come before exact ones, since each passed the fidelity check when the pack was built. */
const PREFERRED = ["onnx-int8", "onnx-w8", "onnx-fp16", "onnx-fp32", "onnx-w4"];

/**
 * Read and check a manifest.
 *
 * @param {Uint8Array} data The bytes of `pack.json`.
 * @param {string} [where] The file's name in messages.
 * @returns {Manifest}
 * @throws {PackError} `pack-newer-format`: a newer format. `pack-format`: not JSON, a field is missing or out of range,
 *   a path is unsafe, or a file is named but not listed.
 */
export function parseManifest(data, where = MANIFEST_NAME) {
  const fields = parseJsonObject(data, { where, maxBytes: MAX_MANIFEST_BYTES });
  checkFormat(fields);
  const encoders = fields.object("encoders");
  const references = fields.object("references");
  /** @type {Manifest} */
  const manifest = {
    name: checkedPackName(fields.text("name")),
    version: checkedVersion(fields.text("version")),
    title: fields.text("title"),
    generator: fields.text("generator"),
    model: model(fields.object("model")),
    preprocessing: preprocessing(fields.object("preprocessing")),
    imageVariants: byName(encoders, "image", variant),
    textVariants: byName(encoders, "text", variant),
    tokenizer: fields.has("tokenizer") ? tokenizer(fields.object("tokenizer")) : null,
    index: index(fields.object("index")),
    referencesFile: references.text("file"),
    referenceCount: references.integer("count", { least: 1, most: MAX_ROWS }),
    conformanceFile: fields.object("conformance").text("file"),
    calibrationFile: fields.has("calibration") ? fields.object("calibration").text("file") : null,
    thumbnails: fields.has("thumbnails") ? thumbnails(fields.object("thumbnails")) : null,
    localFeatures: fields.has("local_features") ? localFeatures(fields.object("local_features")) : null,
    files: byName(fields, "files", fileEntry),
  };
  checkConsistent(manifest, where);
  return manifest;
}

/**
 * Return the files that a device needs if it keeps only these variants, sorted by path.
 *
 * @param {Manifest} manifest
 * @param {readonly string[]} [variantNames] Names of image and text variants; all by default.
 * @returns {FileEntry[]}
 */
export function filesFor(manifest, variantNames = [...manifest.imageVariants.keys(), ...manifest.textVariants.keys()]) {
  const variants = [...manifest.imageVariants.values(), ...manifest.textVariants.values()];
  for (const name of variantNames) {
    if (!variants.some((each) => each.name === name)) {
      const have = [...new Set(variants.map((each) => each.name))].join(", ");
      throw badFormat(`pack ${manifest.name} has no encoder variant ${JSON.stringify(name)}; it has ${have}`);
    }
  }
  const chosen = variants.filter((each) => variantNames.includes(each.name));
  const kept = new Set([...chosen.flatMap((each) => each.files), ...pathsForAll(manifest)]);
  const listed = new Set(variants.flatMap((each) => each.files));
  for (const net of manifest.localFeatures?.variants.values() ?? []) {
    for (const path of net.files) {
      listed.add(path);
      if (chosen.some((each) => each.runtime === net.runtime)) kept.add(path);
    }
  }
  const needed = [...manifest.files.values()].filter((entry) => kept.has(entry.path) || !listed.has(entry.path));
  return needed.sort((one, other) => (one.path < other.path ? -1 : 1));
}

/**
 * Return the names of the variants that a device without Core ML should fetch: the best one of each tower.
 *
 * @param {Manifest} manifest
 * @returns {string[]}
 * @throws {PackError} `pack-no-encoder`: the pack has no image encoder for ONNX Runtime.
 */
export function variantsToKeep(manifest) {
  const image = preferredVariant(manifest.imageVariants, manifest.name).name;
  const texts = onnxVariants(manifest.textVariants);
  if (!texts.length || manifest.textVariants.get(image)?.runtime === "onnx") return [image];
  return [image, texts[0].name];
}

/**
 * Return the best variant that ONNX Runtime runs.
 *
 * @param {Map<string, Variant>} variants The variants of one tower.
 * @param {string} packName For messages.
 * @param {(variant: Variant) => boolean} [isHere] Whether the files of a variant are on this device.
 * @returns {Variant}
 */
export function preferredVariant(variants, packName, isHere = () => true) {
  const [best] = onnxVariants(variants).filter(isHere);
  if (best === undefined) {
    throw new PackError(
      "pack-no-encoder",
      `pack ${packName}: none of its encoders (${[...variants.keys()].join(", ") || "none"}) runs here; ` +
        "ask its maker for one with the variant onnx-int8",
    );
  }
  return best;
}

/** @param {Map<string, Variant>} variants */
function onnxVariants(variants) {
  const names = new Set([...PREFERRED, ...variants.keys()]);
  const found = [...names].map((name) => variants.get(name));
  return found.filter((each) => each !== undefined).filter((each) => each.runtime === "onnx");
}

/** @param {JsonObject} fields */
function checkFormat(fields) {
  const found = fields.integer("format", { least: 1 });
  if (found > FORMAT_VERSION) {
    throw new PackError(
      "pack-newer-format",
      `${fields.where}: pack format ${found}, but this software reads up to ${FORMAT_VERSION}; update the app`,
    );
  }
}

/**
 * @template T
 * @param {JsonObject} fields
 * @param {string} key
 * @param {(name: string, fields: JsonObject) => T} read
 * @returns {Map<string, T>}
 */
function byName(fields, key, read) {
  return new Map(fields.items(key).map(([name, entry]) => [name, read(name, entry)]));
}

/**
 * @param {string} path
 * @param {JsonObject} fields
 * @returns {FileEntry}
 */
function fileEntry(path, fields) {
  return {
    path: checkedPath(path),
    lengthBytes: fields.integer("length_bytes", { most: MAX_FILE_BYTES }),
    sha256: checkedSha256(fields.text("sha256")),
  };
}

/**
 * @param {JsonObject} fields
 * @returns {Model}
 */
function model(fields) {
  return {
    name: fields.text("name"),
    pretrained: fields.text("pretrained"),
    dim: fields.integer("dim", { least: 1, most: MAX_DIM }),
    spaceId: checkedSha256(fields.text("space_id")),
    licence: fields.text("licence"),
  };
}

/**
 * @param {JsonObject} fields
 * @returns {Preprocessing}
 */
function preprocessing(fields) {
  return {
    sizePx: fields.integer("size_px", { least: 1, most: MAX_SIZE_PX }),
    resizeMode: fields.choice("resize_mode", ["shortest-side", "squash"]),
    interpolation: fields.choice("interpolation", ["pillow-bicubic", "pillow-bilinear"]),
    photoViews: fields.has("photo_views") ? photoViews(fields) : [1],
  };
}

/** @param {JsonObject} fields */
function photoViews(fields) {
  const views = fields.numbers("photo_views");
  const areShares = views.every((share) => LEAST_PHOTO_VIEW <= share && share <= 1);
  if (!views.length || views.length > MAX_PHOTO_VIEWS || !areShares) {
    throw badFormat(
      `${fields.where}: \`photo_views\` is [${views.join(", ")}]; 1 to ${MAX_PHOTO_VIEWS} shares from ` +
        `${LEAST_PHOTO_VIEW} to 1 are possible`,
    );
  }
  return views;
}

/**
 * @param {string} name
 * @param {JsonObject} fields
 * @returns {Variant}
 */
function variant(name, fields) {
  return {
    name,
    ...modelAndFiles(fields),
    input: tensor(fields.object("input")),
    output: tensor(fields.object("output")),
    fidelity: fidelity(fields.object("fidelity")),
    portable: fields.has("portable") && fields.truth("portable"),
  };
}

/**
 * @param {JsonObject} fields
 * @returns {{runtime: Runtime, model: string, files: string[], requires: string}}
 */
function modelAndFiles(fields) {
  const path = checkedPath(fields.text("model"));
  const files = fields.texts("files");
  if (!files.length || !files.every((each) => each === path || each.startsWith(`${path}/`))) {
    throw badFormat(`${fields.where}: \`files\` must list the model ${JSON.stringify(path)} and no file outside it`);
  }
  return { runtime: fields.choice("runtime", ["onnx", "coreml"]), model: path, files, requires: fields.text("requires") };
}

/**
 * @param {JsonObject} fields
 * @returns {Tensor}
 */
function tensor(fields) {
  return { name: fields.text("name"), dtype: fields.text("dtype"), shape: fields.integers("shape") };
}

/**
 * @param {JsonObject} fields
 * @returns {Fidelity}
 */
function fidelity(fields) {
  return {
    sample: fields.text("sample"),
    count: fields.integer("count"),
    cosineMean: fields.number("cosine_mean"),
    cosineMin: fields.number("cosine_min"),
    top1Agreement: fields.number("top1_agreement"),
    cosineCentred: fields.optionalNumber("cosine_centred"),
    top5Agreement: fields.optionalNumber("top5_agreement"),
    recallChange: fields.optionalNumber("recall_change"),
  };
}

/**
 * @param {JsonObject} fields
 * @returns {TokenizerSpec}
 */
function tokenizer(fields) {
  return {
    kind: fields.choice("kind", ["clip-bpe", "hf-json"]),
    file: fields.text("file"),
    contextLength: fields.integer("context_length", { least: 3, most: 4096 }),
    cleaning: fields.has("cleaning") ? fields.choice("cleaning", ["lower", "whitespace", "canonicalize"]) : "lower",
    padId: fields.has("pad_id") ? fields.integer("pad_id", { most: MAX_TOKEN_ID }) : 0,
  };
}

/**
 * @param {JsonObject} fields
 * @returns {IndexSpec}
 */
function index(fields) {
  return {
    file: fields.text("file"),
    kind: fields.choice("kind", ["flat", "sq8"]),
    dim: fields.integer("dim", { least: 1, most: MAX_DIM }),
    count: fields.integer("count", { least: 1, most: MAX_ROWS }),
    embeddedWith: fields.text("embedded_with"),
    mostImagesPerReference: fields.integer("most_images_per_reference", { least: 1, most: MAX_ROWS }),
    binaryCodes: fields.has("signs") ? binaryCodes(fields.object("signs")) : null,
  };
}

/** @param {JsonObject} fields */
function binaryCodes(fields) {
  return { file: fields.text("file"), recallAt10: fields.numberWithin("recall_at_10", 0, 1) };
}

/**
 * @param {JsonObject} fields
 * @returns {ThumbnailsSpec}
 */
function thumbnails(fields) {
  return {
    file: fields.text("file"),
    sidePx: fields.integer("side_px", { least: 1, most: MAX_THUMBNAIL_SIDE_PX }),
  };
}

/**
 * @param {JsonObject} fields
 * @returns {LocalFeaturesSpec}
 */
function localFeatures(fields) {
  const form = fields.choice("form", ["thumbnails", "descriptors"]);
  const variants = byName(fields, "variants", featureVariant);
  const onnxVariant = [...variants.values()].find((each) => each.runtime === "onnx");
  if (onnxVariant === undefined) throw badFormat(`${fields.where}: has no ONNX variant of its net`);
  return {
    form,
    variants,
    onnxVariant,
    dim: fields.integer("dim", { least: 1, most: MAX_FEATURE_DIM }),
    sideStepPx: fields.integer("side_step_px", { least: 1, most: MAX_FEATURE_SIDE_PX }),
    leastHeat: fields.numberWithin("least_heat", 0, 1),
    leastSimilarity: fields.numberWithin("least_similarity", 0, 1),
    photo: pointsRecipe(fields.object("photo")),
    reference: pointsRecipe(fields.object("reference")),
    descriptorsFile: form === "descriptors" ? fields.text("descriptors_file") : null,
  };
}

/**
 * @param {string} name
 * @param {JsonObject} fields
 * @returns {FeatureVariant}
 */
function featureVariant(name, fields) {
  return {
    name,
    ...modelAndFiles(fields),
    input: tensor(fields.object("input")),
    descriptors: tensor(fields.object("descriptors")),
    heat: tensor(fields.object("heat")),
    reliability: tensor(fields.object("reliability")),
  };
}

/**
 * @param {JsonObject} fields
 * @returns {PointsRecipe}
 */
function pointsRecipe(fields) {
  return {
    sidePx: fields.integer("side_px", { least: 1, most: MAX_FEATURE_SIDE_PX }),
    mostPoints: fields.integer("most_points", { least: 1, most: MAX_POINTS }),
  };
}

/**
 * Return the paths of the files that every device needs, whatever its variants.
 *
 * @param {Manifest} manifest
 * @returns {string[]}
 */
function pathsForAll(manifest) {
  const features = manifest.localFeatures;
  const paths = [
    ...(features?.onnxVariant.files ?? []),
    features?.descriptorsFile,
    manifest.index.file,
    manifest.index.binaryCodes?.file,
    manifest.referencesFile,
    manifest.conformanceFile,
    manifest.tokenizer?.file,
    manifest.calibrationFile,
    manifest.thumbnails?.file,
  ];
  return paths.filter((path) => path != null);
}

/**
 * @param {Manifest} manifest
 * @param {string} where
 */
function checkConsistent(manifest, where) {
  const variants = [
    ...manifest.imageVariants.values(),
    ...manifest.textVariants.values(),
    ...(manifest.localFeatures?.variants.values() ?? []),
  ];
  const named = new Set([...pathsForAll(manifest), ...variants.flatMap((each) => each.files)]);
  const [missing] = [...named].filter((path) => !manifest.files.has(path)).sort();
  if (missing !== undefined) {
    throw badFormat(`${where}: names ${JSON.stringify(missing)}, which is not among its files`);
  }
  if (manifest.files.has(MANIFEST_NAME)) throw badFormat(`${where}: lists itself among its files`);
  checkApart([MANIFEST_NAME, ...manifest.files.keys()]);
  checkParts(manifest, where);
}

/**
 * @param {Manifest} manifest
 * @param {string} where
 */
function checkParts(manifest, where) {
  if (manifest.localFeatures?.form === "thumbnails" && manifest.thumbnails === null) {
    throw badFormat(`${where}: \`local_features\` needs thumbnails, which the pack does not have`);
  }
  if (!manifest.imageVariants.size) throw badFormat(`${where}: has no image encoder`);
  if (manifest.textVariants.size && manifest.tokenizer === null) {
    throw badFormat(`${where}: has a text encoder but no tokenizer`);
  }
  if (manifest.index.dim !== manifest.model.dim) {
    throw badFormat(
      `${where}: the index has ${manifest.index.dim} dimensions, the encoder ${manifest.model.dim}`,
    );
  }
}
