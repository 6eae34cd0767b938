"""Maps engine errors to HTTP problems. `/v1` and the older services' routes both use it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from flask import g

from edge_identify.edge_runtime.answers.identification import Identification
from edge_identify.edge_runtime.errors import PackError, PackNotFoundError, PhotoError, SetupError
from edge_identify.sync_server.answering.concurrency_limit import BusyError
from edge_identify.sync_server.answering.engine_pool import NoPackChosenError, NotReadyError
from edge_identify.sync_server.answering.pack_engine import NoTextEncoderError
from edge_identify.sync_server.answering.shared_verifier import NoOpenCVError, NoThumbnailsError
from edge_identify.sync_server.contract.problem_kinds import (
    INVALID,
    NOT_FOUND,
    UNAVAILABLE,
    UNUSABLE_IMAGE,
    ProblemError,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_identify.sync_server.answering.engine_pool import EnginePool
    from edge_identify.sync_server.answering.pack_engine import PackEngine, TimedEmbedding

T = TypeVar("T", "Identification", "TimedEmbedding")

_LOG = logging.getLogger(__name__)
_BUSY_S, _NOT_READY_S = 1, 5  # Retry-After: a photo takes a fraction of a second, opening a pack a few seconds


@contextmanager
def borrowed_engine(pool: EnginePool, pack: str) -> Iterator[PackEngine]:
    """Lend the engine of a pack while the block runs, and turn engine errors into problems.

    Args:
        pool: The open packs.
        pack: Name of the pack. For requests that need not name one, see `asked_packs`.

    Raises:
        ProblemError: As `engine_problems`.
    """
    with engine_problems(), pool.borrow(pack) as engine:
        yield engine


@contextmanager
def engine_problems() -> Iterator[None]:
    """Turn errors of the pool and of engines into problems.

    Raises:
        ProblemError: For each of these errors, and for photo, pack and set-up errors in the block.
    """
    try:
        yield
    except PackNotFoundError as error:
        raise ProblemError(NOT_FOUND, str(error)) from error
    except NoOpenCVError as error:
        raise ProblemError(UNAVAILABLE, f"not available on this server: {error}") from error
    except (NoPackChosenError, NoTextEncoderError, NoThumbnailsError) as error:
        raise ProblemError(INVALID, str(error)) from error
    except PhotoError as error:
        raise ProblemError(UNUSABLE_IMAGE, str(error)) from error
    except SetupError as error:  # a filter names an unknown namespace or label, or no reference passes
        raise ProblemError(NOT_FOUND, str(error)) from error
    except NotReadyError as error:
        raise ProblemError(UNAVAILABLE, str(error), retry_after_s=_NOT_READY_S) from error
    except BusyError as error:
        raise ProblemError(UNAVAILABLE, "the server is busy", retry_after_s=_BUSY_S) from error
    except PackError as error:
        _LOG.exception("a pack cannot be used")
        raise ProblemError(UNAVAILABLE, "the pack cannot be used; see the server's log") from error


def record_stages(answer: T) -> T:
    """Store the stage times of an answer or embedding for the request's metrics, and return it unchanged.

    The decision is stored too, if the answer has one.
    """
    g.stages = answer.times
    if isinstance(answer, Identification) and answer.decision is not None:
        g.decision = answer.decision
    return answer


def unit_vector(numbers: Sequence[float], engine: PackEngine) -> NDArray[np.float32]:
    """Return an embedding as a unit vector, float32 [dim].

    Args:
        numbers: The embedding. At least one number is not 0.
        engine: Gives `dim`.

    Raises:
        ProblemError: The length differs from `dim`.
    """
    dim = engine.manifest.model.dim
    if len(numbers) != dim:
        raise ProblemError(INVALID, f"`embedding` has {len(numbers)} numbers; pack {engine.manifest.name} has {dim}")
    vector = np.array(numbers, np.float64)
    vector /= np.abs(vector).max()  # first, so that squares neither overflow nor vanish
    unit: NDArray[np.float32] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit
