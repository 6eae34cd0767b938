"""An encoder whose concurrent callers share its runs.

While one batch runs, the callers that come meanwhile form the next one: no caller waits for others to come. One run at
a time uses all cores.

Trap: a transformer in dynamic int8 takes the range of its activations over the whole batch. There, one client's photo
would change the answer to another's, so such an encoder runs for one caller at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_identify.edge_runtime.encoders.encoder_choice import Encoder

MOST_IMAGES = 16  # as on the device


@dataclass(eq=False, slots=True)
class _Call:
    batch: NDArray[np.uint8] | NDArray[np.int64]
    found: NDArray[np.float32] | None = None
    error: Exception | None = field(default=None)

    @property
    def is_done(self) -> bool:
        return self.found is not None or self.error is not None


class BatchedEncoder:
    """An image tower for many threads. It is an `Encoder`."""

    def __init__(self, encoder: Encoder) -> None:
        """Take an encoder."""
        self._encoder = encoder
        self._turn, self._lock = Lock(), Lock()
        self._waiting: list[_Call] = []
        self._shares_runs: bool | None = None  # not known yet

    @property
    def variant_name(self) -> str:
        """The variant's name in the manifest."""
        return self._encoder.variant_name

    def embed(self, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings of a batch; see `Encoder.embed` for its errors."""
        call = _Call(batch)
        with self._lock:
            self._waiting.append(call)
        with self._turn:
            if not call.is_done:
                self._run(self._next_calls(call))
        if call.error is not None:
            raise call.error
        assert call.found is not None, "a run without an error has embeddings"
        return call.found

    def _next_calls(self, first: _Call) -> list[_Call]:
        """Return a call and others that wait and fit into one run with it."""
        with self._lock:
            self._waiting.remove(first)
        if self._shares_runs is None:
            self._shares_runs = is_exact_in_batches(self._encoder, first.batch)
        with self._lock:
            chosen, count = [first], len(first.batch)
            for call in list(self._waiting) if self._shares_runs else ():
                if call.batch.shape[1:] == first.batch.shape[1:] and count + len(call.batch) <= MOST_IMAGES:
                    self._waiting.remove(call)
                    chosen.append(call)
                    count += len(call.batch)
        return chosen

    def _run(self, calls: list[_Call]) -> None:
        import numpy as np

        try:
            found = self._encoder.embed(np.concatenate([call.batch for call in calls]))
        except Exception as error:  # each caller raises it
            for call in calls:
                call.error = error
            return
        ends = np.cumsum([len(call.batch) for call in calls])
        for call, part in zip(calls, np.split(found, ends[:-1]), strict=True):
            call.found = part


def is_exact_in_batches(encoder: Encoder, images: NDArray[np.uint8] | NDArray[np.int64]) -> bool:
    """Return whether an image's embedding is the same to the last bit with another image in its batch.

    Args:
        encoder: The encoder.
        images: At least one, uint8 [n, size, size, 3]. Others are made of the first: its negative, noise.
    """
    import numpy as np

    one = images[:1]
    noise = np.random.default_rng(0).integers(0, 256, one.shape).astype(one.dtype)
    together = encoder.embed(np.concatenate([one, noise, 255 - one]))
    return bool(np.array_equal(together[:1], encoder.embed(one)))
