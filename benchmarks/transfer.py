"""What a sync sends: an update, an edited field, nothing new, a cut download, and a first one against curl.

The pack is drawn: random vectors, references with names, and random bytes in place of an encoder, in the manifest of
the golden pack. New references stand between the old ones, as their ids are drawn. The repository is signed. No
self-test runs, so nothing of the pack is computed. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import urllib3
from material import machine

from edge_identify.convert.packing.pack_index import Quantiser, write_index
from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
from edge_identify.edge_runtime.pack.pack_reader import read_manifest
from edge_identify.edge_runtime.pack.references import Reference, ReferenceImage
from edge_identify.edge_runtime.pack.references_writing import write_references
from edge_identify.edge_runtime.store.pack_store import PackStore
from edge_identify.edge_runtime.sync.listing import blob_path
from edge_identify.edge_runtime.sync.sync_client import ByteProgress, SyncReport, sync_pack
from edge_identify.edge_runtime.sync.trust.pack_offers import as_signed
from edge_identify.edge_runtime.sync.trust.root_pinning import trust
from edge_identify.sync_server.publishing.folder_tree import FolderTree
from edge_identify.sync_server.publishing.publish import publish_into
from edge_identify.sync_server.publishing.signing.key_ring import ONLINE, KeyRing, make_key
from edge_identify.sync_server.publishing.signing.signed_repository import SignedRepository
from edge_identify.sync_server.publishing.signing.tree_signing import TreeSigning

GOLDEN = Path(__file__).parents[1] / "tests/golden/format-1-with-signs"
NAME, PASSPHRASE = "colours", "the benchmark's"
DOCUMENT_BYTES = 200_000  # at most: listing, manifest and hashes of pieces come again after a cut
_SERVE = (
    "import sys; from pathlib import Path; from waitress import create_server; "
    "from edge_identify.sync_server.service.app import create_app; "
    "server = create_server(create_app(Path(sys.argv[1])), host='127.0.0.1', port=0); "
    "print(server.effective_port, flush=True); server.run()"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--references", type=int, default=4000, help="references of the first version")
    parser.add_argument("--more", type=int, default=100, help="references that the update adds")
    parser.add_argument("--dim", type=int, default=512, help="dimensions of a vector; the built-in encoder has 768")
    parser.add_argument("--encoder-bytes", type=int, default=60_000_000, help="length of the encoder")
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison with curl, and of syncs without news")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        print(json.dumps(measured(Path(name), options)))


def measured(work: Path, options: argparse.Namespace) -> dict[str, object]:
    """Return all figures."""
    first, publisher = options.references, Publisher(work, options)
    publisher.publish("1.0.0", first)
    with serving(publisher.repo) as url:
        cut = refetched_after_a_cut(device(work / "cut", url, publisher), url)
        compared = against_curl(work / "curl", url, publisher, options.rounds)
        store = device(work / "store", url, publisher)
        whole = sync(store, url)
        no_news = [sync(store, url) for _ in range(options.rounds)]
        publisher.publish("1.1.0", first + options.more)
        update = sync(store, url)
        publisher.publish("1.2.0", first + options.more, edited=True)
        edited = sync(store, url)
    return {
        "benchmark": "transfer",
        "references": first,
        "dim": options.dim,
        "encoder_bytes": options.encoder_bytes,
        "first_bytes": whole.received_bytes,
        "update_bytes": update.received_bytes,
        "update_patched_files": update.patched_files,
        "update_fetched_files": update.fetched_files,
        "edited_field_bytes": edited.received_bytes,
        "edited_field_update_file_bytes": newest_update_bytes(publisher.repo),
        "no_news_bytes": no_news[-1].received_bytes,
        "no_news_ms": round(median(report.seconds for report in no_news) * 1000, 1),
        "refetched_after_cut_bytes": cut,
        **compared,
        "machine": machine(),
    }


class Publisher:
    """A signed repository, and the versions of the drawn pack."""

    def __init__(self, work: Path, options: argparse.Namespace) -> None:
        """Make keys and sign an empty repository."""
        self.work, self.repo = work, work / "repo"
        self._encoder = np.random.default_rng(1).bytes(options.encoder_bytes)
        self._dim = options.dim
        self._quantiser: Quantiser | None = None
        keys = work / "keys"
        keys.mkdir()
        made = tuple(make_key(keys, role, passphrase=PASSPHRASE) for role in ("root", "targets", ONLINE))
        self._ring = KeyRing(folder=keys, keys=made, root=b"")
        self._tree, self._now = FolderTree(self.repo), datetime.now(UTC)
        self.root = SignedRepository(self._tree, self._ring, lambda _: PASSPHRASE, now_utc=self._now).initialise()
        self._ring = replace(self._ring, root=self.root)

    def publish(self, version: str, count: int, *, edited: bool = False) -> None:
        """Write a version of the pack, and publish it."""
        pack = self.work / version
        shutil.copytree(GOLDEN, pack)
        values = json.loads((pack / "pack.json").read_bytes())
        index, table = values["index"]["file"], values["references"]["file"]
        self._write_index(pack / index, count)
        (pack / table).unlink()
        write_references(pack / table, drawn_references(count, edited=edited), drawn_images(count))
        model = next(iter(values["encoders"]["image"].values()))["model"]
        (pack / model).write_bytes(self._encoder)
        values["version"], values["references"]["count"] = version, count
        for path in (index, table, model):
            values["files"][path] = {
                "length_bytes": (pack / path).stat().st_size,
                "sha256": sha256_of_file(pack / path),
            }
        (pack / "pack.json").write_text(json.dumps(values, sort_keys=True, indent=2))
        signing = TreeSigning(self._tree, self._ring, lambda _: PASSPHRASE, now_utc=self._now)
        publish_into(pack, self._tree, now_utc=self._now, signing=signing)

    def _write_index(self, path: Path, count: int) -> None:
        vectors = np.random.default_rng(2).standard_normal((count, self._dim)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        written = write_index(path, vectors, np.arange(count, dtype=np.int64), kept=self._quantiser)
        self._quantiser = written.new_quantiser or self._quantiser


def drawn_references(count: int, *, edited: bool) -> list[Reference]:
    """Return references with names and labels."""
    references = [drawn_reference(number) for number in range(count)]
    if edited:
        references[count // 2] = replace(references[count // 2], name="A name that was corrected")
    return references


def drawn_images(count: int) -> list[ReferenceImage]:
    """Return an image of each reference. The hashes cannot be compressed, as real ones."""
    return [
        ReferenceImage(index_id=number, reference_id=drawn_id(number), sha256=digest_of(number))
        for number in range(count)
    ]


def digest_of(number: int) -> str:
    """Return what stands for the hash of an image."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def drawn_id(number: int) -> str:
    """Return the id of a reference. Ids are sorted, so a new reference stands between old ones."""
    return f"thing-{int(digest_of(-number)[:8], 16) % 100_000:05}-{number}"


def drawn_reference(number: int) -> Reference:
    """Return a reference with a name and a label."""
    return Reference(
        id=drawn_id(number),
        name=f"Thing number {number}",
        namespace="things",
        labels={"label": f"kind {number % 37}"},
        attributes={},
    )


def device(folder: Path, url: str, publisher: Publisher) -> PackStore:
    """Return a store that has pinned the root."""
    root = folder.with_suffix(".root.json")
    root.write_bytes(publisher.root)
    trust(folder, url, root=root)
    return PackStore(folder)


def sync(store: PackStore, url: str, progress: ByteProgress | None = None) -> SyncReport:
    """Sync without a self-test."""
    return sync_pack(
        store,
        url,
        name=NAME,
        variant_names=lambda manifest: manifest.variant_names(),
        self_test=lambda *_: None,
        progress=progress,
        believe=as_signed(store.root, unsigned=False),
    )


def refetched_after_a_cut(store: PackStore, url: str) -> int:
    """Stop a first sync in the middle, as a process that ends, and return how many bytes the next one fetches twice."""

    class Cut(BaseException):  # as Ctrl-C
        pass

    def stop(arrived: int, total: int) -> None:
        if arrived > total // 2:
            raise Cut

    with suppress(Cut):
        sync(store, url, stop)
    arrived = store.root.rglob("arrived/*")
    here = sum(path.stat().st_size for path in arrived if not path.name.endswith(".json"))
    report = sync(store, url)
    manifest = read_manifest(store.only_pack().folder)
    contents = {entry.sha256: entry.length_bytes for entry in manifest.files.values()}
    return max(0, report.received_bytes - (sum(contents.values()) - here) - DOCUMENT_BYTES)


def against_curl(work: Path, url: str, publisher: Publisher, rounds: int) -> dict[str, object]:
    """Compare a first sync with curl and sha256sum for the same bytes, in turn."""
    if shutil.which("curl") is None or shutil.which("sha256sum") is None:
        return {"against_curl": "skipped: no curl or sha256sum here"}
    manifest = read_manifest(publisher.work / "1.0.0")
    urls = [f"{url}/{blob_path(sha256)}" for sha256 in {entry.sha256 for entry in manifest.files.values()}]
    script = "for one in $URLS; do curl -sf -o $FILE $one && sha256sum $FILE > /dev/null || exit 1; done"
    command = ["sh", "-c", script.replace("$URLS", " ".join(urls)).replace("$FILE", str(work.with_suffix(".bytes")))]
    ours, theirs = [], []
    for number in range(rounds):
        started = time.perf_counter()
        subprocess.run(command, check=True)
        theirs.append(time.perf_counter() - started)
        store = device(work.with_name(f"curl-{number}"), url, publisher)
        started = time.perf_counter()
        sync(store, url)
        ours.append(time.perf_counter() - started)
    ratios = [mine / curl for mine, curl in zip(ours, theirs, strict=True)]
    return {
        "first_sync_s": round(median(ours), 3),
        "curl_and_sha256_s": round(median(theirs), 3),
        "ratio_to_curl": round(median(ratios), 2),
    }


def newest_update_bytes(repo: Path) -> int:
    """Return the length of the update file from the version before the newest."""
    newest = json.loads((repo / "packs.json").read_bytes())["packs"][0]["versions"][0]
    return int(newest["updates"][0]["length_bytes"])


@contextmanager
def serving(repo: Path) -> Iterator[str]:
    """Serve a repository with waitress, in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", _SERVE, str(repo)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            urllib3.request("GET", f"{url}/packs.json", timeout=30)
            yield url
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
