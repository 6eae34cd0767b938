// @ts-check
/** Where this device is, if the person allows it; distances and links to maps. */

import { AppError } from "./app_error.js";

const EARTH_M = 6_371_000;
const PATIENCE_MS = 8000;

/** @returns {Promise<{latitude: number, longitude: number, accuracyM: number | null, source: "given"}>} */
export function devicePosition() {
  return new Promise((resolve, reject) => {
    if (!navigator.geolocation) return reject(new AppError("no-position", "this browser has no geolocation"));
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => resolve({ latitude: coords.latitude, longitude: coords.longitude, accuracyM: coords.accuracy, source: "given" }),
      (error) => reject(new AppError(error.code === error.PERMISSION_DENIED ? "position-refused" : "no-position", error.message)),
      { enableHighAccuracy: true, timeout: PATIENCE_MS, maximumAge: 60_000 },
    );
  });
}

/**
 * Return the distance on a sphere, in metres.
 *
 * @param {{latitude: number, longitude: number}} first
 * @param {{latitude: number, longitude: number}} second
 */
export function distanceBetween(first, second) {
  const radians = Math.PI / 180;
  const [one, two] = [first.latitude * radians, second.latitude * radians];
  const up = Math.sin((two - one) / 2) ** 2;
  const across = Math.cos(one) * Math.cos(two) * Math.sin(((second.longitude - first.longitude) * radians) / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(up + across)));
}

/** @param {number} latitude @param {number} longitude @returns {string} A page that shows the place; it needs a network. */
export function mapLink(latitude, longitude) {
  return `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=18/${latitude}/${longitude}`;
}
