"""The service's metrics in the Prometheus text format."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from edge_identify.edge_runtime.decisions.decision import Decision

if TYPE_CHECKING:
    from edge_identify.edge_runtime.answers.identification import StageSeconds

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class ServiceMetrics:
    """Counters and latency histograms of one service. Thread-safe."""

    def __init__(self) -> None:
        """Start at zero."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)  # memory, CPU time, open files; Linux only
        self._requests = Histogram(
            "edge_request_seconds", "Wall time of requests.", ("route", "method", "status"),
            buckets=_BUCKETS_S, registry=self._registry,
        )  # fmt: skip
        self._stages = Histogram(
            "edge_stage_seconds", "Wall time of the stages of an answer: prepare, encode, search, decide.",
            ("stage",), buckets=_BUCKETS_S, registry=self._registry,
        )  # fmt: skip
        self._decisions = Counter(
            "edge_decisions", "Answers to photos by decision: identified, probably, ambiguous, unknown.",
            ("decision",), registry=self._registry,
        )  # fmt: skip
        for decision in Decision:
            self._decisions.labels(decision.value)  # from the start, as 0: a rate needs a first value
        self._received = Counter("edge_request_bytes", "Bytes of request bodies.", registry=self._registry)
        self._object_store = Counter(
            "edge_object_store_requests", "Requests to buckets, signing included, by outcome.",
            ("operation", "outcome"), registry=self._registry,
        )  # fmt: skip
        self._signatures = Gauge(
            "edge_signature_expires_timestamp_seconds", "When the signatures of a role expire, in Unix time.",
            ("role",), registry=self._registry,
        )  # fmt: skip
        self._packs = Gauge("edge_packs", "Open packs.", registry=self._registry)

    def add_request(self, *, route: str, method: str, status: int, seconds: float, received_bytes: int) -> None:
        """Count a request. `route` is an operation's id, never a path from a client: that would grow without limit."""
        self._requests.labels(route, method, str(status)).observe(seconds)
        self._received.inc(received_bytes)

    def add_stages(self, stages: StageSeconds) -> None:
        """Count the stages of an answer or embedding. Stages of 0 s did not run and are not counted."""
        for stage in ("prepare", "encode", "search", "decide"):
            if seconds := getattr(stages, stage):
                self._stages.labels(stage).observe(seconds)

    def add_decision(self, decision: Decision) -> None:
        """Count the decision of an answer."""
        self._decisions.labels(decision.value).inc()

    def add_object_store_request(self, operation: str, outcome: str) -> None:
        """Count a request to a bucket; see `count` of `Bucket`."""
        self._object_store.labels(operation, outcome).inc()

    def set_signatures(self, expires_utc: Mapping[str, datetime]) -> None:
        """Set when the signatures of each role expire. Roles that are gone are removed."""
        self._signatures.clear()
        for role, ends in expires_utc.items():
            self._signatures.labels(role).set(ends.timestamp())

    def as_text(self, *, packs: int) -> tuple[bytes, str]:
        """Return the metrics as text, and their content type."""
        self._packs.set(packs)
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
