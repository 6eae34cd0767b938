/** The keypoints of one image. */

/**
 * @typedef {object} Points
 * @property {number} width Of the image, in pixels.
 * @property {number} height
 * @property {Float32Array} positions (x, y) of each point in the image's pixels; pixel centres are whole numbers.
 * @property {Float32Array} descriptors Unit vectors, one after the other.
 * @property {number} dim Length of a descriptor.
 */

export {};
