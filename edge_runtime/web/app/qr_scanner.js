// @ts-check
/** The scanner of QR codes: the camera's picture, or a picture of a code, until a server is found. */

import { errorBox } from "./app.js";
import { AppError } from "./app_error.js";
import { announce, element } from "./dom.js";
import { packServerOf, qrReader } from "./qr_codes.js";
import { text } from "./texts.js";

const PAUSE_MS = 150; // between two looks: a phone stays cool

/**
 * Return the scanner; it stops the camera when it has found a server, when it is stopped, and when the screen is left.
 *
 * @param {(server: import("./qr_codes.js").PackServer) => void} onFound
 */
export function qrScanner(onFound) {
  const place = element("div");
  const picture = element("input", { type: "file", accept: "image/*", class: "unseen", onchange: () => readFile() });
  const scan = element("button", { type: "button", onclick: () => readCamera() }, text("scan"));
  /** @param {string} found */
  const use = (found) => {
    const server = packServerOf(found);
    announce(text("scan.found"));
    place.replaceChildren();
    onFound(server);
  };
  const readFile = async () => {
    const [file] = Array.from(picture.files ?? []);
    picture.value = "";
    try {
      const bitmap = await createImageBitmap(file).catch(() => { throw new AppError("undecodable", `${file.name}: cannot be decoded`); });
      const found = await (await qrReader())(bitmap);
      if (found === null) throw new AppError("no-code-in-picture", `${file.name}: no QR code was found`);
      use(found);
    } catch (error) {
      place.replaceChildren(errorBox(error));
    }
  };
  const readCamera = async () => {
    scan.disabled = true;
    try {
      await scanning(place, use);
    } catch (error) {
      place.replaceChildren(errorBox(error));
    } finally {
      scan.disabled = false;
    }
  };
  return element("div", {}, element("div", { class: "row" }, scan, element("label", { class: "button" }, text("scan.picture"), picture)), place);
}

/** @param {HTMLElement} place @param {(found: string) => void} use */
async function scanning(place, use) {
  const read = await qrReader();
  const stream = await camera();
  const video = element("video", { class: "scanner", playsinline: true, muted: true, "aria-label": text("scan.look") });
  video.muted = true; // the attribute alone does not mute, and iPhones play no other
  video.srcObject = stream;
  let isStopped = false;
  const stop = element("button", { type: "button", onclick: () => { isStopped = true; } }, text("stop"));
  place.replaceChildren(video, element("p", { class: "small faint", role: "status" }, text("scan.look")), stop);
  try {
    await video.play();
    while (!isStopped && place.isConnected) {
      const found = await read(video);
      if (found !== null) return use(found);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    place.replaceChildren();
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

async function camera() {
  try {
    if (!navigator.mediaDevices) throw new AppError("no-camera", "this browser has no access to cameras");
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  } catch (error) {
    if (error instanceof AppError) throw error;
    const name = error instanceof Error ? error.name : "";
    const code = name === "NotAllowedError" ? "camera-refused" : "no-camera";
    throw new AppError(code, `the camera cannot be opened (${error instanceof Error ? error.message : error})`);
  }
}
