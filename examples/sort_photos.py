"""Sort photos into folders by what they show. Without --copy-into or --move-into it writes a plan only.

    edge-identify photos --pack ./my-things --jsonl | python sort_photos.py --out plan.csv --copy-into sorted

The folder of a photo is the label `label` of its reference, or the reference's name. No file is overwritten.
Only identified photos get a folder; with --probably also the probable ones, with --unsure all.
"""

import argparse
import csv
import json
import re
import shutil
import sys
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--probably", action="store_true")
parser.add_argument("--unsure", action="store_true")
target = parser.add_mutually_exclusive_group()
target.add_argument("--copy-into", type=Path)
target.add_argument("--move-into", type=Path)
options = parser.parse_args()
sorted_decisions = {"identified", "probably"} if options.probably else {"identified"}

rows = []
for line in sys.stdin:
    answer = json.loads(line)
    if "error" in answer:
        continue  # the reason is on standard error
    nearest = answer["matches"][0]
    has_folder = answer["decision"] in sorted_decisions or options.unsure
    name = nearest["labels"].get("label") or nearest["name"]
    folder = re.sub(r"[^\w -]", "_", name).strip()[:60].strip() if has_folder else ""  # names have at most 255 bytes
    rows.append([answer["photo"], folder, answer["decision"] or "not calibrated", nearest["score"]])

with options.out.open("w", newline="", encoding="utf-8") as file:
    table = csv.writer(file)
    table.writerow(["photo", "folder", "decision", "similarity"])
    table.writerows(rows)

into = options.copy_into or options.move_into
for photo, folder, *_ in rows if into else []:
    place = into / folder / Path(photo).name
    if not folder:
        continue
    if place.exists():
        print(f"left where it is: {photo}: {place} is there already", file=sys.stderr)
        continue
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copy2 if options.copy_into else shutil.move)(photo, place)
    except OSError as error:
        print(f"left where it is: {photo}: {error}", file=sys.stderr)
print(f"{sum(bool(row[1]) for row in rows)} of {len(rows)} photos have a folder; see {options.out}", file=sys.stderr)
