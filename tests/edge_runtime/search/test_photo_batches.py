"""Many photos: in order, in batches, few at a time, and a broken one stops no other."""

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_identify.edge_runtime.answers.identification import FailedPhoto, Identification
from edge_identify.edge_runtime.errors import PackDamagedError, PhotoError
from edge_identify.edge_runtime.photos.photo_inputs import OpenedPhoto
from edge_identify.edge_runtime.photos.prepared_photos import PreparedPhoto
from edge_identify.edge_runtime.search.photo_batches import (
    BATCH,
    ReadyPhoto,
    answers_in_batches,
    make_ready,
    ready_photos,
)
from example_answers import uncalibrated


def prepared() -> PreparedPhoto:
    return PreparedPhoto(pixels=np.zeros((8, 8, 3), np.uint8), seconds=0.1)


def ready(path: str) -> ReadyPhoto[PreparedPhoto]:
    return ReadyPhoto(path=path, prepared=prepared(), thumbnail=None)


def failure(path: str) -> FailedPhoto:
    return FailedPhoto(question=path, error=PhotoError(f"{path}: broken"))


def make_slowly(asked: str | FailedPhoto) -> ReadyPhoto[PreparedPhoto] | FailedPhoto:
    """The even ones wait for an event, so that threads end in another order than they began."""
    assert isinstance(asked, str)
    if int(asked) % 2 == 0:
        threading.Event().wait(0.002)
    return ready(asked)


def test_photos_keep_their_order_whichever_is_decoded_first() -> None:
    names = [str(number) for number in range(100)]

    with closing(ready_photos(names, make_slowly)) as photos:
        found = list(photos)

    assert [photo.path for photo in found if isinstance(photo, ReadyPhoto)] == names


def test_only_a_few_photos_are_taken_ahead_however_many_there_are() -> None:
    taken: list[int] = []

    def endless() -> Iterator[str]:
        number = 0
        while True:
            taken.append(number)
            yield str(number)
            number += 1

    with closing(ready_photos(endless(), lambda asked: ready(str(asked)))) as photos:
        for _ in range(200):
            next(photos)
            assert len(taken) <= 200 + 3 * BATCH

    assert len(taken) <= 200 + 3 * BATCH


def test_threads_end_when_the_run_is_left_early() -> None:
    photos = ready_photos([str(number) for number in range(1000)], make_slowly)
    next(photos)
    assert any(thread.name.startswith("photo") for thread in threading.enumerate())
    photos.close()

    assert not any(thread.name.startswith("photo") for thread in threading.enumerate())


def test_no_photo_starts_no_thread() -> None:
    before = threading.active_count()

    assert list(ready_photos([], make_slowly)) == []
    assert threading.active_count() == before


def test_threads_that_silence_warnings_leave_the_filters_as_they_were() -> None:
    def silence(asked: str | FailedPhoto) -> ReadyPhoto[PreparedPhoto] | FailedPhoto:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make_slowly(asked)

    before = list(warnings.filters)
    with closing(ready_photos([str(number) for number in range(60)], silence)) as photos:
        assert len(list(photos)) == 60

    assert list(warnings.filters) == before


def test_a_thread_is_silent_even_while_another_puts_the_filters_back() -> None:
    def warn(asked: str | FailedPhoto) -> ReadyPhoto[PreparedPhoto] | FailedPhoto:
        warnings.warn("broken metadata", stacklevel=1)  # pytest would make an error of it
        return ready(str(asked))

    with closing(ready_photos(["1", "2"], warn)) as photos:
        assert len(list(photos)) == 2


def test_batches_are_full_and_errors_take_their_places() -> None:
    sizes: list[int] = []

    def identify(photos: Sequence[PreparedPhoto]) -> list[Identification]:
        sizes.append(len(photos))
        return [uncalibrated() for _ in photos]

    count = 2 * BATCH + 3
    photos = [failure(str(number)) if number in (0, 5, count - 1) else ready(str(number)) for number in range(count)]
    answers = list(answers_in_batches(photos, identify))

    assert sizes == [BATCH - 2, BATCH, 2]
    assert [answer.question for answer in answers] == [str(number) for number in range(count)]
    assert [isinstance(answer, FailedPhoto) for answer in answers] == [
        isinstance(photo, FailedPhoto) for photo in photos
    ]


def test_a_batch_is_answered_before_the_next_is_taken() -> None:
    taken: list[str] = []

    def photos() -> Iterator[ReadyPhoto[PreparedPhoto]]:
        for number in range(3 * BATCH):
            taken.append(str(number))
            yield ready(str(number))

    answers = answers_in_batches(photos(), lambda batch: [uncalibrated() for _ in batch])
    next(answers)

    assert len(taken) == BATCH


def test_broken_photos_alone_ask_the_encoder_nothing() -> None:
    def identify(_: Sequence[PreparedPhoto]) -> list[Identification]:
        raise AssertionError("an empty batch")

    assert len(list(answers_in_batches([failure("a"), failure("b")], identify))) == 2


def test_what_is_wrong_with_a_photo_is_its_answer_and_what_is_wrong_with_the_pack_ends_the_run(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png")

    def broken(_: Path | OpenedPhoto) -> PreparedPhoto:
        raise PhotoError("p: broken")

    def damaged(_: Path | OpenedPhoto) -> PreparedPhoto:
        raise PackDamagedError("model: damaged")

    answer = make_ready("p", prepare=broken, with_thumbnail=False)
    assert isinstance(answer, FailedPhoto)
    assert (answer.question, str(answer.error)) == ("p", "p: broken")
    with pytest.raises(PackDamagedError):
        make_ready("p", prepare=damaged, with_thumbnail=False)
    with pytest.raises(PackDamagedError):
        list(ready_photos(["p"], lambda asked: make_ready(asked, prepare=damaged, with_thumbnail=False)))

    known = failure("folder")
    assert make_ready(known, prepare=damaged, with_thumbnail=True) is known
    path = str(tmp_path / "photo.png")
    with_one = make_ready(path, prepare=lambda _: prepared(), with_thumbnail=True)
    without = make_ready(path, prepare=lambda _: prepared(), with_thumbnail=False)
    assert isinstance(with_one, ReadyPhoto)
    assert isinstance(without, ReadyPhoto)
    assert (with_one.thumbnail is not None, without.thumbnail) == (True, None)
