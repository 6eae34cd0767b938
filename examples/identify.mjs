// Identify a photo with a service, with Node.js only: node identify.mjs http://127.0.0.1:8000 photo.jpg
import { readFile } from "node:fs/promises";

const [url, photo] = process.argv.slice(2);
const form = new FormData();
form.append("file", new Blob([await readFile(photo)]), "photo");
const answer = await fetch(`${url}/v1/identify`, { method: "POST", body: form });
const found = await answer.json();
if (!answer.ok) throw new Error(`${found.title}: ${found.detail}`);
// The decision: identified, probably (check it), ambiguous, unknown (the match is only the nearest), or null.
console.log(found.decision, found.matches[0].name, found.matches[0].confidence);
