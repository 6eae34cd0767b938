"""The main job end to end with the real commands: draw, add, pack, publish, serve, sync, stop, identify offline.

Then the second version: a name is corrected, and the device updates by the difference and rolls back.

`make demo` runs it; a test runs it with fewer images. It fails if fewer than 95 % of the simulated photos are right at
rank 1, or if a command uses the network after the server has stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from time import perf_counter

from demo_app import take_picture, what_is_missing

LEAST_RIGHT = 0.95
_DECIDED = (0, 10, 4, 3)  # identified, probably, ambiguous, unknown: each is an answer
_COMMANDS = Path(sys.executable).parent  # the commands that were installed with this Python


def main() -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder to work in; what an earlier demo left in it is replaced")
    parser.add_argument("--count", type=int, default=60, help="mosaics to draw (default 60)")
    parser.add_argument("--no-app", action="store_true", help="do not try the web app in a browser")
    options = parser.parse_args()
    out: Path = options.out
    _clear(out)
    set_folder, catalogue, pack, repo, store = (
        out / name for name in ("set", "catalogue.sqlite", "pack", "repo", "store")
    )
    started = perf_counter()

    _step("draw reference images and photos")
    _run("edge-build", "draw-demo", set_folder, "--count", options.count)
    _step("add the references to a catalogue, and build a pack with the built-in encoder")
    _run("edge-build", "add", f"image-list:{set_folder / 'references.csv'}", "--catalogue", catalogue)
    build = ("pack", "--catalogue", catalogue, "--name", "demo", "--title", "Drawn mosaics", "--out")
    _run("edge-build", *build, pack)
    _step("make keys, publish and sign the pack, serve it; pin the root on a device, and fetch the pack to its store")
    _run("edge-serve", "init", "--repo", repo)
    _run("edge-serve", "publish", "--pack", pack, "--repo", repo)
    print(f"$ edge-serve run --repo {repo} --port 0 &", flush=True)
    with serving(repo) as url:
        _run("edge-identify", "trust", url, "--root", out / "repo.keys/root.json", "--store", store)
        first = _run("edge-identify", "sync", url, "--store", store)
        no_news = _run("edge-identify", "sync", url, "--store", store)
    print("$ kill %1", flush=True)
    _step("the server is stopped: name the photos, and search by a name with a typing error, from the pack alone")
    photos = sorted((set_folder / "photos").iterdir())
    _run("edge-identify", photos[1], "--store", store, "--explain", out / "explained.png", codes=_DECIDED)
    _run("edge-identify", "search", _mistyped_name(set_folder / "references.csv"), "--store", store, "--top-k", 3)
    _run("edge-identify", "search", "asdfgh", "--store", store, codes=(3,))
    _run("edge-identify", *photos[:12], "--html", out / "answers.html", "--store", store, quiet=True)
    answers = _run("edge-identify", *photos, "--json", "--store", store, quiet=True)
    (out / "answers.json").write_text(answers, encoding="utf-8")
    right, asked = _count_right(json.loads(answers), set_folder / "queries.csv")

    app_told = None if options.no_app else _try_app(repo, photos[1], out / "app.png")
    _second_version(out, build, photos[1], before=(first, no_news))
    print(
        f"\n{right} of {asked} simulated photos right at rank 1 ({100 * right / asked:.1f} %), with the server stopped"
    )
    print(f"all steps took {perf_counter() - started:.0f} s; look at:")
    _show(out, set_folder / "references", "the reference images")
    _show(out, set_folder / "photos", "the simulated photos")
    _show(out, pack / "pack.json", "what the pack says of itself")
    _show(out, repo / "index.html", "the page that the server shows")
    _show(out, out / "explained.png", "a photo and its reference, with the points that agree")
    _show(out, out / "answers.html", "a page of answers, each photo beside its reference")
    _show(out, out / "answers.json", "every answer")
    if (out / "app.png").exists():
        _show(out, out / "app.png", f"the web app, which answered without a network: {app_told}")
    elif app_told is not None:
        print(f"the web app was not tried: {app_told}")
    print(f"the web app: `edge-serve run --repo {repo}`, and open http://127.0.0.1:8000/app/")
    return 0 if right >= LEAST_RIGHT * asked else 1


def _try_app(repo: Path, photo: Path, picture: Path) -> str:
    """Take a picture of the web app with an answer; return the answer, or why there is no picture."""
    missing = what_is_missing()
    if missing is not None:
        return missing
    _step("the web app in a browser: install the pack, stop the server, identify a photo")
    started = perf_counter()
    fingerprint = sha256((repo.parent / f"{repo.name}.keys/root.json").read_bytes()).hexdigest()
    with ExitStack() as server:
        url = server.enter_context(serving(repo)).rstrip("/")
        told = take_picture(url, photo, picture, fingerprint=fingerprint, stop_server=server.close)
    print(f"{told}  ({perf_counter() - started:.1f} s)", flush=True)
    return told


def _second_version(out: Path, build: Sequence[object], photo: Path, *, before: tuple[str, str]) -> None:
    """Publish a second version with a corrected name, update and go back; tell what each sync received."""
    references, repo, store = out / "set/references.csv", out / "repo", out / "store"
    _step("correct a name, build and publish the next version; update by the difference, then go back")
    _correct_a_name(references)
    _run("edge-build", "add", f"image-list:{references}", "--catalogue", out / "catalogue.sqlite")
    _run("edge-build", *build, out / "pack-2")
    _run("edge-serve", "publish", "--pack", out / "pack-2", "--repo", repo)
    with serving(repo) as url:
        _run("edge-identify", "trust", url, "--root", out / "repo.keys/root.json", "--store", store)  # another port
        told = _run("edge-identify", "sync", url, "--pack", "demo", "--store", store)
    _run("edge-identify", "rollback", "demo", "--store", store)
    _run("edge-identify", photo, "--store", store, codes=_DECIDED)
    first, no_news, update = map(_received, (*before, told))
    print(
        f"\nreceived: {first} for the first version, {no_news} for nothing new, {update} for the second version, "
        "nothing to go back"
    )


def _clear(out: Path) -> None:
    for name in ("set", "pack", "pack-2", "repo", "repo.keys", "store"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in ("catalogue.sqlite", "answers.json", "answers.html", "explained.png", "app.png"):
        (out / name).unlink(missing_ok=True)
    out.mkdir(parents=True, exist_ok=True)


def _step(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def _correct_a_name(references: Path) -> None:
    """Change the name of the first reference in the table."""
    with references.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["name"] += " (corrected)"
    with references.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def _received(told: str) -> str:
    """Return what a sync says that it has received."""
    found = re.search(r"([0-9.]+ [kM]B) received", told)
    assert found is not None, told
    return found[1]


def _mistyped_name(references: Path) -> str:
    """Return the first word of the first reference's name, two letters swapped."""
    with references.open(encoding="utf-8", newline="") as file:
        name = next(csv.DictReader(file))["name"]
    word = name.split(",")[0]
    return word[:-2] + word[-1] + word[-2]


def _run(command: str, *arguments: object, quiet: bool = False, codes: tuple[int, ...] = (0,)) -> str:
    """Run an installed command, print it with its output and time, and return its standard output."""
    words = [str(argument) for argument in arguments]
    shown = " ".join(f'"{word}"' if " " in word else word for word in words)
    print(f"$ {command} {shown if len(words) < 12 else ' '.join([words[0], '...', *words[-3:]])}", flush=True)
    started = perf_counter()
    done = subprocess.run(
        [_COMMANDS / command, *words], stdout=subprocess.PIPE, text=True, check=False, env=_environment()
    )
    if not quiet:
        print(done.stdout, end="")
    print(f"  ({perf_counter() - started:.1f} s)", flush=True)
    if done.returncode not in codes:
        raise SystemExit(f"{command} ended with {done.returncode}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Return the environment of a command, with a passphrase for the keys of the demo."""
    return {"EDGE_KEYS_PASSPHRASE": "the demo's passphrase"} | os.environ


@contextmanager
def serving(repo: Path) -> Iterator[str]:
    """Serve a repository with `edge-serve run` on a free port while the block runs; yield its URL."""
    words: list[str | Path] = [_COMMANDS / "edge-serve", "run", "--repo", repo, "--port", "0"]
    server = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    line = server.stderr.readline()
    rest = threading.Thread(target=server.stderr.read, daemon=True)  # or a full pipe would stop the server
    rest.start()
    try:
        yield line.split(" at ")[-1].strip()
    finally:
        server.terminate()
        server.wait(timeout=30)
        rest.join(timeout=30)
        server.stderr.close()


def _count_right(answers: dict[str, list[dict[str, object]]], queries: Path) -> tuple[int, int]:
    with queries.open(newline="", encoding="utf-8") as file:
        expected = {Path(row["query"]).name: row["id"] for row in csv.DictReader(file) if row["id"]}
    right = 0
    for answer in answers["answers"]:
        matches = answer["matches"]
        assert isinstance(matches, list)
        name = Path(str(answer["photo"])).name
        right += name in expected and matches[0]["id"] == expected[name]
    return right, len(expected)


def _show(out: Path, path: Path, what: str) -> None:
    print(f"  {out.name}/{path.relative_to(out).as_posix():<18} {what}")


if __name__ == "__main__":
    sys.exit(main())
