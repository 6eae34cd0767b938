"""Flag catalogue images that resemble example images or fit descriptions. The output is a CSV table for review.

    python flag_pictures.py my.catalogue --examples categories --at-least 0.8 --out flagged.csv

`categories` has a folder of example images for each category. `--text NAME=DESCRIPTION` describes a category in words.
Options after `--` go to `edge-build search`, such as `--model` or `--namespace`.
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

PICTURES = {
    ".jpg",
    ".jpeg",
    ".jfif",
    ".jpe",
    ".jif",
    ".jfi",
    ".pjpeg",
    ".pjp",
    ".png",
    ".gif",
    ".bmp",
    ".dib",
    ".webp",
    ".tif",
    ".tiff",
    ".heic",
    ".heif",
    ".hif",
    ".avif",
}

parser = argparse.ArgumentParser()
parser.add_argument("catalogue")
parser.add_argument("--examples", type=Path)
parser.add_argument("--text", action="append", default=[])
parser.add_argument("--at-least", default="0.8")
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("search_options", nargs="*")
options = parser.parse_args()

questions = {}
for category in sorted(path for path in options.examples.iterdir() if path.is_dir()) if options.examples else []:
    pictures = sorted(path for path in category.iterdir() if path.suffix.lower() in PICTURES)
    if pictures:
        questions[category.name] = [word for picture in pictures for word in ("--like", str(picture))]
for text in options.text:
    name, _, description = text.partition("=")
    questions[name] = [description]
if not questions:
    sys.exit("no category: give --examples with a folder for each, or --text NAME=DESCRIPTION")

rows = []
for category, words in questions.items():
    limits = ["--catalogue", options.catalogue, "--at-least", options.at_least, "--limit", "1000000"]
    command = ["edge-build", "search", *words, *limits, "--json", *options.search_options]
    searched = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if searched.returncode not in (0, 1):  # 1: done, but some images were skipped; standard error lists them
        sys.exit(searched.returncode)
    for match in json.loads(searched.stdout)["matches"]:
        rows.append([category, match["similarity"], match["reference"], match["path"]])

with options.out.open("w", newline="", encoding="utf-8") as file:
    table = csv.writer(file)
    table.writerow(["category", "similarity", "reference", "path"])
    table.writerows(sorted(rows, key=lambda row: (row[0], -row[1])))
print(f"{len(rows)} pictures flagged in {options.out}", file=sys.stderr)
