"""The kinds of problem that the service answers with; programs may rely on their names.

A newcomer would make a kind for each message. Programs branch on what to do next, and that is what a kind tells:
change the value, send less, wait, ask somebody else.
"""

from __future__ import annotations

from dataclasses import dataclass

DOCS_PATH = "/docs"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemKind:
    """A kind of problem.

    Attributes:
        name: Stable, and the anchor of its chapter on the page of documentation.
        status: HTTP status.
        title: The same for each problem of the kind.
        meaning: What it means and what to do.
    """

    name: str
    status: int
    title: str
    meaning: str

    @property
    def uri(self) -> str:
        """The problem's `type`, a reference relative to the server."""
        return f"{DOCS_PATH}#{self.name}"


MALFORMED = ProblemKind(
    name="malformed-request", status=400, title="Malformed Request",
    meaning="The request cannot be read: broken JSON, or HTTP that is none.",
)  # fmt: skip
NOT_FOUND = ProblemKind(
    name="not-found", status=404, title="Not Found",
    meaning="Nothing has that address, or no pack, namespace, label or reference has that name.",
)  # fmt: skip
METHOD = ProblemKind(
    name="method-not-allowed", status=405, title="Method Not Allowed",
    meaning="The address is right and the method is not; `Allow` says which are.",
)  # fmt: skip
TOO_LARGE = ProblemKind(
    name="request-too-large", status=413, title="Request Too Large",
    meaning="The body is beyond the server's cap: make the picture smaller.",
)  # fmt: skip
WRONG_TYPE = ProblemKind(
    name="wrong-content-type", status=415, title="Unsupported Media Type",
    meaning="The body's content type is not one that this address takes.",
)  # fmt: skip
RANGE = ProblemKind(
    name="range-not-satisfiable", status=416, title="Range Not Satisfiable",
    meaning="The file has no such bytes; `Content-Range` says how long it is.",
)  # fmt: skip
INVALID = ProblemKind(
    name="invalid-value", status=422, title="Invalid Value",
    meaning="The request can be read, but a value is missing or outside what is documented.",
)  # fmt: skip
UNUSABLE_IMAGE = ProblemKind(
    name="unusable-picture", status=422, title="Unusable Picture",
    meaning="The file is empty, no picture, damaged, or has more pixels than are decoded.",
)  # fmt: skip
TOO_MANY = ProblemKind(
    name="too-many-requests", status=429, title="Too Many Requests",
    meaning="This address has asked more than the server's rate allows; `Retry-After` says when to come back.",
)  # fmt: skip
HEADERS = ProblemKind(
    name="headers-too-large", status=431, title="Request Header Fields Too Large",
    meaning="The request's headers are beyond any that are needed here.",
)  # fmt: skip
FAULT = ProblemKind(
    name="server-fault", status=500, title="Internal Server Error",
    meaning="A fault of this server; its log has the request's id.",
)  # fmt: skip
NOT_IMPLEMENTED = ProblemKind(
    name="not-implemented", status=501, title="Not Implemented",
    meaning="HTTP of a kind that this server does not speak.",
)  # fmt: skip
UNAVAILABLE = ProblemKind(
    name="unavailable", status=503, title="Service Unavailable",
    meaning="Packs are being opened or cannot be read, or the server is busy; `Retry-After` says when to come back.",
)  # fmt: skip

KINDS = (
    MALFORMED, NOT_FOUND, METHOD, TOO_LARGE, WRONG_TYPE, RANGE, INVALID, UNUSABLE_IMAGE, TOO_MANY, HEADERS, FAULT,
    NOT_IMPLEMENTED, UNAVAILABLE,
)  # fmt: skip


class ProblemError(Exception):
    """A request that ends with a problem."""

    def __init__(self, kind: ProblemKind, detail: str, *, retry_after_s: int | None = None) -> None:
        """Describe it.

        Args:
            kind: Its kind.
            detail: This one, in a sentence.
            retry_after_s: When to try again; None where that would change nothing.
        """
        super().__init__(detail)
        self.kind, self.detail, self.retry_after_s = kind, detail, retry_after_s


def kind_of_status(status: int) -> ProblemKind:
    """Return the kind that stands for a status in general; a fault for those that none stands for."""
    return next((kind for kind in KINDS if kind.status == status), FAULT)
