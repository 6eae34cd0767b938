"""The problem kinds of the service. Their names are stable; programs may rely on them.

A kind tells a program what to do next: change the value, send less, wait, or ask another server. It is not one kind
for each message.
"""

from __future__ import annotations

from dataclasses import dataclass

DOCS_PATH = "/docs"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemKind:
    """A kind of problem.

    Attributes:
        name: Stable; the anchor of its section on `/docs`.
        status: HTTP status.
        title: The same for all problems of this kind.
        meaning: What it means and what to do.
    """

    name: str
    status: int
    title: str
    meaning: str

    @property
    def uri(self) -> str:
        """The problem's `type`, a URI reference relative to the server."""
        return f"{DOCS_PATH}#{self.name}"


MALFORMED = ProblemKind(
    name="malformed-request", status=400, title="Malformed Request",
    meaning="The request cannot be parsed: broken JSON or broken HTTP.",
)  # fmt: skip
NOT_FOUND = ProblemKind(
    name="not-found", status=404, title="Not Found",
    meaning="No such path, or no pack, namespace, label or reference of that name.",
)  # fmt: skip
METHOD = ProblemKind(
    name="method-not-allowed", status=405, title="Method Not Allowed",
    meaning="The path exists, but not with this method. `Allow` lists its methods.",
)  # fmt: skip
TIMEOUT = ProblemKind(
    name="request-timeout", status=408, title="Request Timeout",
    meaning="The request did not arrive in time. Send it again, on a faster connection.",
)  # fmt: skip
PRECONDITION = ProblemKind(
    name="precondition-failed", status=412, title="Precondition Failed",
    meaning="The file has another `ETag` than `If-Match` asks for.",
)  # fmt: skip
TOO_LARGE = ProblemKind(
    name="request-too-large", status=413, title="Request Too Large",
    meaning="The body is larger than the server allows. Send a smaller image.",
)  # fmt: skip
WRONG_TYPE = ProblemKind(
    name="wrong-content-type", status=415, title="Unsupported Media Type",
    meaning="This path does not accept the content type of the body.",
)  # fmt: skip
RANGE = ProblemKind(
    name="range-not-satisfiable", status=416, title="Range Not Satisfiable",
    meaning="The range is outside the file. `Content-Range` has the file's length.",
)  # fmt: skip
MISDIRECTED = ProblemKind(
    name="misdirected-request", status=421, title="Misdirected Request",
    meaning="`Host` is not a name of this server. Its operator lists the names with `--allowed-hosts`.",
)  # fmt: skip
INVALID = ProblemKind(
    name="invalid-value", status=422, title="Invalid Value",
    meaning="A value is missing, unknown or outside its limits.",
)  # fmt: skip
UNUSABLE_IMAGE = ProblemKind(
    name="unusable-picture", status=422, title="Unusable Picture",
    meaning="The file is empty, damaged or not an image, or has too many pixels.",
)  # fmt: skip
TOO_MANY = ProblemKind(
    name="too-many-requests", status=429, title="Too Many Requests",
    meaning="This client address exceeded the rate limit. Wait for the seconds in `Retry-After`.",
)  # fmt: skip
HEADERS = ProblemKind(
    name="headers-too-large", status=431, title="Request Header Fields Too Large",
    meaning="The request's headers are too large.",
)  # fmt: skip
FAULT = ProblemKind(
    name="server-fault", status=500, title="Internal Server Error",
    meaning="An error of this server. Its log has the request id.",
)  # fmt: skip
NOT_IMPLEMENTED = ProblemKind(
    name="not-implemented", status=501, title="Not Implemented",
    meaning="This server does not support this kind of HTTP request.",
)  # fmt: skip
UNAVAILABLE = ProblemKind(
    name="unavailable", status=503, title="Service Unavailable",
    meaning="Packs are being opened or cannot be read, or the server is busy. Obey `Retry-After`, if given.",
)  # fmt: skip

KINDS = (
    MALFORMED, NOT_FOUND, METHOD, TIMEOUT, PRECONDITION, TOO_LARGE, WRONG_TYPE, RANGE, MISDIRECTED, INVALID,
    UNUSABLE_IMAGE, TOO_MANY, HEADERS, FAULT, NOT_IMPLEMENTED, UNAVAILABLE,
)  # fmt: skip


class ProblemError(Exception):
    """Ends a request with a problem document."""

    def __init__(self, kind: ProblemKind, detail: str, *, retry_after_s: int | None = None) -> None:
        """Describe the problem.

        Args:
            kind: Its kind.
            detail: One sentence about this case.
            retry_after_s: Value of `Retry-After`; None for none.
        """
        super().__init__(detail)
        self.kind, self.detail, self.retry_after_s = kind, detail, retry_after_s


def kind_of_status(status: int) -> ProblemKind:
    """Return the first kind of an HTTP status; `FAULT` if there is none."""
    return next((kind for kind in KINDS if kind.status == status), FAULT)
