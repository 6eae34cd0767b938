/** EXIF orientation: phones store a photo sideways and note how to turn it. Browsers turn photos themselves. */

/** @typedef {import("./images.js").Image} Image */

const ORIENTATION_TAG = 0x0112;
const MOST_ENTRIES = 1000;

/**
 * Return the orientation that the EXIF of a JPEG names, 1 to 8; 1 if there is none, or it is broken.
 *
 * @param {Uint8Array} data The file's bytes.
 * @returns {number}
 */
export function exifOrientation(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  try {
    return orientationOfTiff(view, exifStart(view));
  } catch (error) {
    if (error instanceof RangeError) return 1; // it ends too early
    throw error;
  }
}

/**
 * Turn a stored image upright.
 *
 * @param {Image} image
 * @param {number} orientation 1 to 8.
 * @returns {Image}
 */
export function uprighted(image, orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const isOnItsSide = orientation >= 5;
  const [width, height] = isOnItsSide ? [image.height, image.width] : [image.width, image.height];
  const channels = image.data.length / (image.width * image.height);
  const data = new Uint8Array(image.data.length);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += channels) {
      const [across, down] = isOnItsSide ? [y, x] : [x, y];
      const column = [2, 3, 7, 8].includes(orientation) ? image.width - 1 - across : across;
      const row = [3, 4, 6, 7].includes(orientation) ? image.height - 1 - down : down;
      const from = channels * (row * image.width + column);
      for (let channel = 0; channel < channels; channel++) data[to + channel] = image.data[from + channel];
    }
  }
  return { data, width, height };
}

/**
 * @param {DataView} view
 * @returns {number} Where the TIFF header of a JPEG's EXIF begins.
 */
function exifStart(view) {
  if (view.getUint16(0) !== 0xffd8) throw new RangeError("not a JPEG");
  let at = 2;
  while (view.getUint8(at) === 0xff && view.getUint8(at + 1) !== 0xda) {
    const isExif = view.getUint8(at + 1) === 0xe1 && view.getUint32(at + 4) === 0x45786966; // "Exif"
    if (isExif) return at + 10;
    at += 2 + view.getUint16(at + 2);
  }
  throw new RangeError("no EXIF");
}

/**
 * @param {DataView} view
 * @param {number} start
 */
function orientationOfTiff(view, start) {
  const isLittle = view.getUint16(start) === 0x4949;
  const directory = start + view.getUint32(start + 4, isLittle);
  const count = Math.min(view.getUint16(directory, isLittle), MOST_ENTRIES);
  for (let entry = 0; entry < count; entry++) {
    const at = directory + 2 + 12 * entry;
    if (view.getUint16(at, isLittle) === ORIENTATION_TAG) {
      const found = view.getUint16(at + 8, isLittle);
      return found >= 1 && found <= 8 ? found : 1;
    }
  }
  return 1;
}
