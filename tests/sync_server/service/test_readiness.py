"""`/readyz` with several packs: one that fails does not take the server away from the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest
from flask import Flask

from edge_identify.edge_runtime.errors import PackDamagedError, PackNotFoundError
from edge_identify.sync_server.answering.engine_pool import EnginePool
from edge_identify.sync_server.contract.problem_kinds import ProblemError
from edge_identify.sync_server.service.metrics import ServiceMetrics
from edge_identify.sync_server.service.status_routes import READY, status_routes


class Pool:
    """Packs of which some fail, and some were withdrawn a moment ago."""

    has_looked, refused, cannot_list = True, False, False

    def __init__(self, answering: str, failing: str = "", withdrawn: str = "", default_pack: str | None = None) -> None:
        self.failing, self.withdrawn, self.default_pack = failing.split(), withdrawn.split(), default_pack
        self._names = (*answering.split(), *self.failing, *self.withdrawn)

    def names(self) -> tuple[str, ...]:
        return self._names

    @contextmanager
    def borrow(self, name: str) -> Iterator[Engine]:
        if name in self.withdrawn:
            raise PackNotFoundError(name)
        yield Engine(fails=name in self.failing)


class Engine:
    """Answers or fails."""

    def __init__(self, *, fails: bool) -> None:
        self.fails = fails

    def check(self, *, encodes: bool) -> None:
        assert not encodes
        if self.fails:
            raise PackDamagedError("index.faiss: is damaged")


def readiness(pool: Pool) -> int:
    """Return the status of `/readyz`."""
    routes = status_routes(None, cast(EnginePool, pool), ServiceMetrics(), lambda: [])
    (ready,) = (route for route in routes if route.operation is READY)
    with Flask(__name__).test_request_context():
        try:
            return ready.handler({}).status_code  # type: ignore[arg-type]
        except ProblemError as problem:
            return problem.kind.status


@pytest.mark.parametrize(
    ("pool", "status"),
    [
        (Pool("a b"), 200),
        (Pool("a b", failing="c"), 200),
        (Pool("", failing="a b"), 503),
        (Pool("", failing="a"), 503),
        (Pool("a", failing="b", default_pack="a"), 200),
        (Pool("a", failing="b", default_pack="b"), 503),
        (Pool("", withdrawn="a"), 200),
    ],
)
def test_a_server_is_ready_while_it_can_answer(pool: Pool, status: int, caplog: pytest.LogCaptureFixture) -> None:
    assert readiness(pool) == status

    named = [vars(record)["pack"] for record in caplog.records]
    assert named == pool.failing
