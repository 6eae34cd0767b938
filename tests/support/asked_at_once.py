"""Call objects of native code from many threads at once, in a process of its own: a crash must not end the test runner.

`ask_at_once` runs it for a test: `asked_at_once.py PART FOLDER SECONDS`. Exit code 0: all answers equal those of a
single thread.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_identify.edge_runtime.pack.references import ReferenceTable
    from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable

THREADS = 16
_ENDED_WITHIN_S = 60  # a hanging process fails the test
_BETWEEN_VERSIONS_S = 0.5
_MOST_SAID = 3000  # characters of a process's last output
_SWITCH_S = 1e-4  # 50 times as many thread switches as Python's default: more overlaps within a second

Question = Callable[[], object]


def ask_at_once(part: str, folder: Path, seconds: float) -> None:
    """Run a part of this program for about `seconds`.

    Raises:
        AssertionError: It crashed, or an answer was not as expected; the message says where.
    """
    command = [sys.executable, "-X", "faulthandler", __file__, part, str(folder), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + _ENDED_WITHIN_S, check=False)
    if done.returncode < 0:  # faulthandler reports the crashed thread first
        said = f"{signal.Signals(-done.returncode).name}:\n{done.stderr[:_MOST_SAID]}"
    else:
        said = f"exit code {done.returncode}:\n{done.stderr[-_MOST_SAID:]}"
    assert done.returncode == 0, f"{part}, asked by {THREADS} threads at once, ended with {said}"


class Askers:
    """Threads that ask questions in turn until they are stopped. An unexpected answer is a failure."""

    def __init__(
        self,
        questions: Mapping[str, Question],
        expected: Mapping[str, object] | None = None,
        *,
        slow: Sequence[str] = (),
        often: Sequence[str] = (),
    ) -> None:
        """Take the questions. Without `expected`, ask each one once in this thread.

        Args:
            questions: Functions by name.
            expected: Answers by name.
            slow: Questions that only two threads ask, beside the other questions.
            often: Questions that half of the threads ask exclusively; empty for none.
        """
        self._questions, self._slow, self._often = dict(questions), slow, often
        self._expected = expected or {name: ask() for name, ask in questions.items()}
        self._over = Event()
        self.asked: dict[str, int] = dict.fromkeys(questions, 0)
        self.failures: list[str] = []
        self._threads = [Thread(target=self._ask, args=(number,)) for number in range(THREADS)]

    def __enter__(self) -> Askers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait(self, seconds: float) -> None:
        """Let the threads run for `seconds`, or until a failure."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.failures:
            time.sleep(0.02)

    @property
    def are_done(self) -> bool:
        """Whether each question was asked concurrently, or there was a failure."""
        return bool(self.failures) or all(self.asked.values())

    def end(self) -> None:
        """Stop the threads after their current question, which may fail from now on."""
        self._over.set()

    def _ask(self, number: int) -> None:
        mine = [name for name in self._questions if number < 2 or name not in self._slow]
        if self._often and number >= THREADS // 2:
            mine = list(self._often)
        for name in islice(cycle(mine), number, None):  # threads begin at different questions, so all overlap
            if self._over.is_set() or self.failures:
                return
            try:
                answer = self._questions[name]()
            except Exception as error:
                if not self._over.is_set():
                    self.failures.append(f"{name}: {error!r}")
                return
            self.asked[name] += 1
            if answer != self._expected[name]:
                self.failures.append(f"{name}: {answer!r} where {self._expected[name]!r} was expected")

    def check(self) -> None:
        """Raise the failures."""
        assert not self.failures, self.failures


def _search(folder: Path, seconds: float) -> None:
    """Use one object of each kind of vector search and one tokenizer."""
    import faiss
    import numpy as np

    from drawn_vectors import clustered, faiss_index
    from edge_identify.edge_runtime.encoders.tokenizers.tokenizer import make_tokenizer
    from edge_identify.edge_runtime.pack.binary_codes_file import write_binary_codes_file
    from edge_identify.edge_runtime.pack.index_file import map_index_file
    from edge_identify.edge_runtime.pack.manifest import Cleaning, IndexKind, IndexSpec, TokenizerKind, TokenizerSpec
    from edge_identify.edge_runtime.search.binary_codes import BinaryCodeSearch
    from edge_identify.edge_runtime.search.vector_search import FaissSearch, MappedSearch, VectorSearch
    from small_tokenizer import PAD, small_tokenizer_json

    count, dim = 9_000, 32
    vectors, ids = clustered(count, dim), np.arange(count, dtype=np.int64)
    even, odd = ids[::2], ids[1::2]
    questions: dict[str, Question] = {}

    def nearest(search: VectorSearch, row: int, k: int) -> object:
        return search.nearest(vectors[row : row + 1], k).ids.tolist()

    def add(name: str, search: VectorSearch, k: int = 3) -> None:
        for row in (11, 500):
            questions[f"{name}, row {row}"] = partial(nearest, search, row, k)

    for kind in IndexKind:
        path, codes = folder / f"{kind}.faiss", folder / f"{kind}.signs"
        faiss.write_index(faiss_index(kind, vectors, ids), str(path))
        spec = IndexSpec(
            file=path.name, kind=kind, dim=dim, count=count, embedded_with="x", most_images_per_reference=1
        )
        rows = map_index_file(path, spec)
        stored = (rows.codes * rows.scale + rows.offset).astype(np.float32)
        write_binary_codes_file(codes, stored.mean(axis=0), count, [stored])
        add(f"FAISS, {kind}", FaissSearch(path, spec))
        add(f"FAISS, {kind}, even", FaissSearch(path, spec, among=even))
        add(f"FAISS, {kind}, odd", FaissSearch(path, spec, among=odd))
        add(f"numpy, {kind}", MappedSearch(path, spec, among=odd))
        for many in (False, True):
            search = BinaryCodeSearch(path, codes, spec, many=many)
            add(f"signs, {kind}, many={many}", search)
            add(f"all by signs, {kind}, many={many}", search, 400)

    spec_of_tokens = TokenizerSpec(
        kind=TokenizerKind.HF_JSON, file="t", context_length=12, cleaning=Cleaning.CANONICALIZE, pad_id=PAD
    )
    tokenizer = make_tokenizer(small_tokenizer_json(), spec_of_tokens, where="t")
    questions["tokens"] = lambda: tokenizer.encode(["a bronze cat"]).tolist()
    with Askers(questions) as askers:
        askers.wait(seconds)
        while not askers.are_done:
            askers.wait(seconds)
    askers.check()


def _tables(folder: Path, seconds: float) -> None:
    """Use tables that are closed meanwhile, repeatedly: errors are allowed, crashes are not."""
    from edge_identify.edge_runtime.pack.references import ReferenceTable
    from edge_identify.edge_runtime.pack.thumbnails_file import ThumbnailTable
    from service_packs import THUMBNAIL_PX

    end, asked = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        references = ReferenceTable(folder / "references.sqlite")
        thumbnails = ThumbnailTable(folder / "thumbnails.sqlite", THUMBNAIL_PX)
        with Askers(_of_tables(references, thumbnails)) as askers:
            time.sleep(0.01)
            askers.end()
            references.close()
            thumbnails.close()
        askers.check()
        asked += sum(askers.asked.values())
    assert asked


def _of_tables(references: ReferenceTable, thumbnails: ThumbnailTable) -> dict[str, Question]:
    from edge_identify.edge_runtime.pack.filters import Filters

    return {
        "ids": lambda: references.index_ids(Filters(labels={"label": ("warm",)})),
        "labels": lambda: references.label_values("label"),
        "a thumbnail": lambda: thumbnails.webp(1),
    }


def _engine(folder: Path, seconds: float) -> None:
    """Use an engine pool whose pack changes version repeatedly, and close it while it is in use."""
    from contextlib import nullcontext

    import numpy as np

    from busy_packs import PICTURED, SHADES, photo_of_a_thumbnail
    from edge_identify.edge_runtime.io.durable_writes import sha256_of_file
    from edge_identify.edge_runtime.pack.filters import NO_FILTERS, Filters
    from edge_identify.edge_runtime.pack.manifest import MANIFEST_NAME
    from edge_identify.edge_runtime.pack.pack_reader import open_pack, read_manifest
    from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode
    from edge_identify.sync_server.answering.concurrency_limit import ConcurrencyLimit
    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.answering.pack_engine import NamedPhoto, PackEngine
    from edge_identify.sync_server.answering.pack_sources import AvailableVersion
    from service_packs import photo_of

    available = [
        AvailableVersion(
            name="letters",
            version=read_manifest(pack).version,
            manifest_sha256=sha256_of_file(pack / MANIFEST_NAME),
            open=lambda pack=pack: nullcontext(open_pack(pack)),  # type: ignore[misc]
        )
        for pack in sorted(folder.iterdir())
    ]
    assert len(available) > 1

    class Versions:
        def __init__(self) -> None:
            self.at = 0

        def available_versions(self) -> list[AvailableVersion]:
            return [available[self.at % len(available)]]

    versions = Versions()
    pool = EnginePool([versions], ConcurrencyLimit(4, patience_s=60))
    pool.refresh()
    warm, cold = Filters(labels={"label": ("warm",)}), Filters(labels={"label": ("cold",)})
    paris, pictured = Filters(namespaces=("Paris",)), Filters(labels={"shade": (PICTURED,)})
    red, view = photo_of((250, 40, 30)), photo_of_a_thumbnail()
    vector = np.array([0.6, 0.0, 0.8], np.float32)
    shades = cycle([Filters(labels={"shade": (str(shade),)}) for shade in range(SHADES)])

    def asked(ask: Callable[[PackEngine], object]) -> Question:
        def question() -> object:
            with pool.borrow() as engine:
                return ask(engine)

        return question

    def ids(found: object) -> list[str]:
        return [match.reference.id for match in found.matches]  # type: ignore[attr-defined]

    def of_any_shade(engine: PackEngine) -> object:
        filters = next(shades)  # more sets of filters than the engine keeps: some are closed while others are in use
        found = engine.search_vector(vector, top_k=3, filters=filters)
        return {match.reference.labels["shade"] for match in found.matches} == {*filters.labels["shade"]}

    questions = {
        "a label": asked(lambda engine: ids(engine.search_vector(vector, top_k=3, filters=warm))),
        "another": asked(lambda engine: ids(engine.search_vector(vector, top_k=3, filters=cold))),
        "any shade": asked(of_any_shade),
        "a vector": asked(lambda engine: ids(engine.search_vector(vector, top_k=3))),
        "a text": asked(lambda engine: ids(engine.search_text("ragb", top_k=3))),
        "a text, with a label": asked(lambda engine: ids(engine.search_text("ragb", top_k=3, filters=warm))),
        "a photo": asked(lambda engine: ids(engine.identify(red, name="red", top_k=3))),
        "a photo, in Paris": asked(lambda engine: ids(engine.identify(red, name="red", top_k=3, filters=paris))),
        "a photo, with a label": asked(lambda engine: ids(engine.identify(red, name="red", top_k=3, filters=cold))),
        "two photos": asked(
            lambda engine: ids(engine.identify_together([NamedPhoto(name="red", data=red)] * 2, top_k=3)[0])
        ),
        "points": asked(
            lambda engine: ids(
                engine.identify(view, name="view", top_k=3, filters=pictured, geometry=GeometryMode.ALWAYS)
            )
        ),
        "a picture's vector": asked(lambda engine: engine.embed_image(red, name="red").vector.tolist()),
        "a text's vector": asked(lambda engine: engine.embed_text("ra").vector.tolist()),
        "references": asked(lambda engine: len(engine.references.index_ids(NO_FILTERS))),
        "a thumbnail": asked(lambda engine: engine.thumbnails and engine.thumbnails.webp(SHADES)),
    }
    with Askers(questions, slow=["points", "any shade"], often=["a label"]) as askers:
        end = time.monotonic() + seconds
        while time.monotonic() < end or not askers.are_done:
            versions.at += 1
            pool.refresh()
            askers.wait(_BETWEEN_VERSIONS_S)
        askers.end()
        pool.close()
    askers.check()


def main(words: Sequence[str]) -> None:
    part, folder, seconds = words
    sys.setswitchinterval(_SWITCH_S)
    {"search": _search, "tables": _tables, "engine": _engine}[part](Path(folder), float(seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
