"""Runs of an encoder that callers share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_identify.edge_runtime.errors import PackDamagedError
from edge_identify.sync_server.answering.batched_encoder import MOST_IMAGES, BatchedEncoder

SIDE_PX = 4
_WITHIN_S = 20


class Means:
    """An encoder of mean colours that waits to be let through, once it is told to."""

    variant_name = "means"

    def __init__(self, *, over_the_batch: bool = False) -> None:
        self.sizes: list[int] = []
        self.arrived, self.opened = Semaphore(0), Event()
        self.opened.set()
        self.error: Exception | None = None
        self._over_the_batch = over_the_batch

    def embed(self, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
        self.sizes.append(len(batch))
        self.arrived.release()
        assert self.opened.wait(_WITHIN_S)
        if self.error is not None:
            raise self.error
        means: NDArray[np.float32] = batch.mean(axis=(1, 2)).astype(np.float32)
        return means / batch.max() if self._over_the_batch else means


def _image(value: int, count: int = 1) -> NDArray[np.uint8]:
    return np.full((count, SIDE_PX, SIDE_PX, 3), value, np.uint8)


def _asked_at_once(encoder: Means, shared: BatchedEncoder, batches: list[NDArray[np.uint8]]) -> list[object]:
    """Return what callers get that come while a first one runs: embeddings, or the error."""
    shared.embed(_image(1))  # tries whether runs can be shared
    encoder.sizes.clear()
    while encoder.arrived.acquire(blocking=False):
        pass
    encoder.opened.clear()
    with ThreadPoolExecutor(len(batches) + 1) as threads:
        first = threads.submit(shared.embed, _image(1))
        assert encoder.arrived.acquire(timeout=_WITHIN_S)
        others = [threads.submit(shared.embed, batch) for batch in batches]
        while len(shared._waiting) < len(batches):
            Event().wait(0.005)
        encoder.opened.set()
        first.exception(_WITHIN_S)
        return [one.exception(_WITHIN_S) or one.result() for one in others]


def test_callers_that_come_during_a_run_share_the_next_one() -> None:
    encoder = Means()
    found = _asked_at_once(encoder, BatchedEncoder(encoder), [_image(value) for value in (5, 6, 7)])
    assert encoder.sizes == [1, 3]
    assert [one.tolist() for one in found] == [[[value] * 3] for value in (5, 6, 7)]  # type: ignore[attr-defined]


def test_a_run_is_bounded_and_keeps_each_call_whole() -> None:
    encoder = Means()
    _asked_at_once(encoder, BatchedEncoder(encoder), [_image(9, count) for count in (10, 10, 6)])
    assert sum(encoder.sizes) == 27
    assert max(encoder.sizes) <= MOST_IMAGES


def test_an_encoder_whose_answers_depend_on_the_batch_runs_for_one_caller_at_a_time() -> None:
    encoder = Means(over_the_batch=True)
    found = _asked_at_once(encoder, BatchedEncoder(encoder), [_image(value) for value in (5, 6)])
    assert encoder.sizes == [1, 1, 1]
    assert [one.tolist() for one in found] == [[[1.0] * 3]] * 2  # type: ignore[attr-defined]


def test_all_callers_of_a_run_that_fails_get_its_error_and_the_next_run_goes_on() -> None:
    encoder = Means()
    shared = BatchedEncoder(encoder)
    shared.embed(_image(1))
    encoder.error = PackDamagedError("the model is damaged")
    with pytest.raises(PackDamagedError):
        shared.embed(_image(1))
    assert all(isinstance(one, PackDamagedError) for one in _asked_at_once_failing(encoder, shared))
    encoder.error = None
    assert shared.embed(_image(3)).tolist() == [[3.0] * 3]


def _asked_at_once_failing(encoder: Means, shared: BatchedEncoder) -> list[object]:
    error, encoder.error = encoder.error, None
    shared.embed(_image(1))
    encoder.error = error
    with ThreadPoolExecutor(2) as threads:
        return [one.exception(_WITHIN_S) for one in [threads.submit(shared.embed, _image(2)) for _ in range(2)]]
