// @ts-check
/** Identify: photos from the camera or from files, a region, and the answers. */

import { errorBox, noPackBox, packChoice } from "../app.js";
import { AppError } from "../app_error.js";
import { answerCard } from "../answer_card.js";
import { decisionWords, isNamed } from "../answer_wording.js";
import { announce, element } from "../dom.js";
import { remember } from "../history.js";
import { devicePosition } from "../places.js";
import { regionPicker } from "../region_picker.js";
import { teachForm } from "../teach_form.js";
import { text } from "../texts.js";

/** @typedef {import("../app.js").App} App */
/** @typedef {{photo: Blob, name: string, region: import("../region_picker.js").Region | null}} Asked */

const TOP_K = 5;

/** @param {App} app @param {() => void} redraw */
export function identifyScreen(app, redraw) {
  if (!app.pack) return element("section", {}, element("h1", {}, text("identify")), noPackBox());
  const view = new IdentifyView(app);
  return element(
    "section",
    { class: "identify" },
    element("h1", {}, text("identify")),
    packChoice(app, redraw),
    element("div", { class: "row big" }, view.photoButton(text("camera"), { capture: "environment" }, "primary"), view.photoButton(text("choose-photos"), { multiple: true })),
    element("p", { class: "small faint" }, text("stays-here")),
    view.asked,
    view.answers,
  );
}

class IdentifyView {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.asked = element("div", { class: "asked" });
    this.answers = element("div", { class: "answers", "aria-busy": "false" });
    /** @type {Asked[]} */
    this.photos = [];
    this.isTogether = false;
    this.turn = 0;
  }

  /** @param {string} label @param {object} how @param {string} [look] */
  photoButton(label, how, look = "") {
    const input = element("input", { type: "file", accept: "image/*", class: "unseen", ...how, onchange: () => { this.take(Array.from(input.files ?? [])); input.value = ""; } });
    return element("label", { class: `button ${look}` }, label, input);
  }

  /** @param {File[]} files */
  take(files) {
    if (!files.length) return;
    this.photos = files.map((file) => ({ photo: file, name: file.name, region: null }));
    this.isTogether = false;
    this.drawAsked();
    this.ask();
  }

  drawAsked() {
    if (this.photos.length === 1) {
      const [one] = this.photos;
      const whole = element("button", { class: "small", hidden: one.region === null, onclick: () => { one.region = null; this.drawAsked(); this.ask(); } }, text("region.whole"));
      const picker = regionPicker(one.photo, one.region, (region) => { one.region = region; whole.hidden = false; this.ask(); });
      this.asked.replaceChildren(picker, whole);
    } else {
      const box = element("input", { type: "checkbox", id: "together", checked: this.isTogether, onchange: () => { this.isTogether = box.checked; this.ask(); } });
      this.asked.replaceChildren(element("div", { class: "check" }, box, element("label", { for: "together" }, text("together", { count: this.photos.length }))));
    }
  }

  /** Identify the photos. An answer that comes after a newer question is dropped. */
  async ask() {
    const turn = ++this.turn;
    const isCurrent = () => turn === this.turn;
    const words = element("p", { class: "faint", role: "status" }, text("looking"));
    this.answers.setAttribute("aria-busy", "true");
    this.answers.replaceChildren(element("progress", { "aria-label": text("looking") }), words);
    try {
      const { position, problem } = await this.position();
      const found = await this.app.worker.call(
        "identify",
        { pack: this.app.pack?.name, photos: this.photos, together: this.isTogether && this.photos.length > 1, position, topK: TOP_K },
        { onProgress: ({ step, done }) => { words.textContent = step === "open" ? text("opening") : text("looking.at", { at: (done ?? 0) + 1, count: this.photos.length }); } },
      );
      if (isCurrent()) await this.show(found, position, problem);
    } catch (error) {
      if (isCurrent()) this.answers.replaceChildren(errorBox(error));
    } finally {
      if (isCurrent()) this.answers.setAttribute("aria-busy", "false");
    }
  }

  async position() {
    if (!this.app.settings.usesPosition) return { position: null, problem: null };
    try {
      return { position: await devicePosition(), problem: null };
    } catch (error) {
      return { position: null, problem: error }; // the answer counts without it
    }
  }

  /** @param {any[]} found @param {any} position @param {unknown} problem */
  async show(found, position, problem) {
    const cards = [];
    for (const [at, one] of found.entries()) cards.push(await this.card(one, this.photos[at], position));
    this.answers.replaceChildren(...(problem ? [errorBox(problem)] : []), ...cards);
    this.answers.querySelector(".decision")?.scrollIntoView({ block: "nearest" });
    const [first] = found;
    if (first?.answer) announce(`${decisionWords(first.answer)}${isNamed(first.answer) ? `: ${first.answer.matches[0].name}` : ""}`);
  }

  /** What teaches this device the thing; then the photos are asked again. @param {import("../app.js").InstalledPack} pack @param {Asked} asked @param {boolean} isNamed */
  teaching(pack, asked, isNamed) {
    const photos = (this.isTogether ? this.photos : [asked]).map(({ photo, region }) => ({ photo, region }));
    const onTaught = () => {
      announce(text("teach.done"));
      this.ask();
    };
    return element("details", {}, element("summary", {}, text(isNamed ? "teach.other" : "teach.new")), teachForm(this.app, { pack, photos, onTaught }));
  }

  /** @param {any} one @param {Asked} asked @param {any} position */
  async card(one, asked, position) {
    if (one.error) return element("article", { class: "answer none" }, element("p", {}, asked.name), errorBox(new AppError(one.error.code, one.error.message)));
    const compare = () => this.app.worker.call("compare", { pack: this.app.pack?.name, photo: asked.photo, region: asked.region, match: withoutPicture(one.answer.matches[0]) });
    const pack = this.app.pack;
    let kept = null;
    if (this.app.settings.keepsHistory && pack) {
      const photos = this.isTogether ? this.photos.map(({ photo }) => photo) : [asked.photo];
      kept = await remember({ answer: one.answer, pack: { name: pack.name, version: pack.version }, photos, region: asked.region, position }).catch(() => null);
    }
    /** @type {HTMLElement[]} */
    const children = kept ? [element("p", { class: "small" }, element("a", { href: `#history?id=${kept}` }, text("note-or-correct")))] : [];
    if (pack) children.push(this.teaching(pack, asked, isNamed(one.answer)));
    const photo = asked.region ? await cropped(asked.photo, asked.region) : asked.photo;
    return answerCard(one.answer, { photo, position, compare, children });
  }
}

/** @param {any} match */
function withoutPicture(match) {
  const { thumbnail: _, ...rest } = match;
  return rest;
}

/** The marked part of a photo, to show. @param {Blob} photo @param {import("../region_picker.js").Region} region */
async function cropped(photo, region) {
  const bitmap = await createImageBitmap(photo);
  const [width, height] = [Math.max(1, Math.round(region.width * bitmap.width)), Math.max(1, Math.round(region.height * bitmap.height))];
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.drawImage(bitmap, -Math.round(region.x * bitmap.width), -Math.round(region.y * bitmap.height));
  bitmap.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
}
