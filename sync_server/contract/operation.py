"""Operations: what a route accepts and returns. Checks, OpenAPI and `/docs` come from the same description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edge_identify.sync_server.contract.collection_kinds import LabelTexts, Texts
from edge_identify.sync_server.contract.problem_kinds import INVALID, UNUSABLE_IMAGE, ProblemKind
from edge_identify.sync_server.contract.value_kinds import ValueKind

if TYPE_CHECKING:
    from flask import Response

    from edge_identify.sync_server.contract.request_values import RequestValues

MULTIPART = "multipart/form-data"
JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestField:
    """One field of a request: a path variable, a query parameter, or a field of the body.

    Attributes:
        name: Its name in the request.
        about: One line for the documentation.
        kind: The kind of its value.
        is_required: Whether a request must have it.
        default: The value if the request has none.
    """

    name: str
    about: str
    kind: ValueKind
    is_required: bool = False
    default: Any = None

    @property
    def absent(self) -> Any:
        """The value if the request has none: empty for `Texts` and `LabelTexts`, else the default."""
        return {Texts: (), LabelTexts: {}}.get(type(self.kind), self.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One accepted content type of a request's body.

    Attributes:
        content_type: `MULTIPART` or `JSON`.
        fields: The fields of the body.
        is_strict: Whether unknown fields are refused. Clients of other services may send some.
        either: Groups of fields. A request has exactly one group, and all of its fields. Empty for no groups.
        needs: Fields that need another one: the other's name by the field's name.
    """

    content_type: str
    fields: tuple[RequestField, ...]
    is_strict: bool = True
    either: tuple[tuple[str, ...], ...] = ()
    needs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseSpec:
    """A successful response.

    Attributes:
        about: One line for the documentation.
        content_type: Content type of the body.
        schema: JSON Schema of a JSON body; None for other bodies.
        status: HTTP status.
    """

    about: str
    content_type: str = JSON
    schema: Mapping[str, Any] | None = None
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One HTTP method of one path.

    Attributes:
        id: Unique; its name in OpenAPI, metrics and logs.
        method: `GET` or `POST`.
        path: With `{names}` for variables.
        tag: The section of the documentation.
        summary: One line for the documentation.
        about: More for the documentation.
        in_path: The path's variables.
        in_query: The query parameters.
        bodies: The accepted bodies. A request has one of them.
        responses: The successful responses.
        problems: Problem kinds beside those that every route has.
        invalid: Problem kind for invalid values. Clients of older services expect another one than `INVALID`.
        is_limited: Whether `is_question` is true although there is no body.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    about: str = ""
    in_path: tuple[RequestField, ...] = ()
    in_query: tuple[RequestField, ...] = ()
    bodies: tuple[Body, ...] = ()
    responses: tuple[ResponseSpec, ...]
    problems: tuple[ProblemKind, ...] = field(default=())
    invalid: ProblemKind = INVALID
    is_limited: bool = False

    @property
    def is_question(self) -> bool:
        """Whether the rate limit counts it and CORS allows only the configured origin."""
        return bool(self.bodies) or self.is_limited

    def kind_for(self, kind: ProblemKind) -> ProblemKind:
        """Return the problem kind to answer with: `invalid` in place of `INVALID` and `UNUSABLE_IMAGE`."""
        return self.invalid if kind in (INVALID, UNUSABLE_IMAGE) and self.invalid is not INVALID else kind


Handler = Callable[["RequestValues"], "Response"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An operation and the function that handles its requests."""

    operation: Operation
    handler: Handler
