"""A route as the service describes it: what it takes and answers, and how a request is read by that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.io.json_fields import parse_json_object
from edge_identify.sync_server.contract.problem_kinds import (
    INVALID,
    MALFORMED,
    NOT_FOUND,
    UNUSABLE_IMAGE,
    WRONG_TYPE,
    ProblemError,
    ProblemKind,
)
from edge_identify.sync_server.contract.value_kinds import (
    ImageFile,
    ImageFiles,
    InvalidValueError,
    LabelTexts,
    Texts,
    ValueKind,
)

if TYPE_CHECKING:
    from flask import Request, Response
    from werkzeug.datastructures import FileStorage, MultiDict

MULTIPART = "multipart/form-data"
JSON = "application/json"
MAX_JSON_BYTES = 2**20  # a vector of 8,192 numbers has some 200 kB
_MAX_FILE_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestField:
    """A value that a request holds.

    Attributes:
        name: As the request calls it.
        about: What it means, in a line.
        kind: What it may be.
        is_required: Whether it has to be there.
        default: What counts where it is not; for `Texts` nothing is an empty tuple.
    """

    name: str
    about: str
    kind: ValueKind
    is_required: bool = False
    default: Any = None

    @property
    def absent(self) -> Any:
        """What counts where the field is not there."""
        return {Texts: (), LabelTexts: {}}.get(type(self.kind), self.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One form of a request's body.

    Attributes:
        content_type: `MULTIPART` or `JSON`.
        fields: What it holds.
        is_strict: Whether other fields are refused. Clients of other systems may send some.
        either: Groups of fields of which one is to be there, and whole; empty where all fields stand by themselves.
        needs: Fields that say something of another one, by name, with the name of that one.
    """

    content_type: str
    fields: tuple[RequestField, ...]
    is_strict: bool = True
    either: tuple[tuple[str, ...], ...] = ()
    needs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that was sent.

    Attributes:
        name: Its name, as the client says, for messages and answers.
        data: Its bytes, at least one.
    """

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseSpec:
    """What a route answers when all is well.

    Attributes:
        about: In a line.
        content_type: Of the body.
        schema: JSON Schema of a JSON body; None for others.
        status: HTTP status.
    """

    about: str
    content_type: str = JSON
    schema: Mapping[str, Any] | None = None
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of an address.

    Attributes:
        id: Unique; what metrics and logs call it.
        method: `GET` or `POST`.
        path: With `{names}` of what stands in it.
        tag: The chapter that documents it.
        summary: In a line.
        about: More, for the documents.
        in_path: What stands in the path.
        in_query: What the query may hold.
        bodies: The forms of body that it takes; one of them has to be there.
        answers: What it answers.
        problems: The kinds that it may answer with, beside those that every route may.
        invalid: The kind of problem for values that are wrong; another one for clients of older systems.
        is_limited: Whether it counts as a question though it takes no body; see `is_question`.
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
        """Whether the rate counts it, and pages of the allowed origin alone may read what it answers."""
        return bool(self.bodies) or self.is_limited

    def kind_for(self, kind: ProblemKind) -> ProblemKind:
        """Return the kind that the route's clients know for one that was found."""
        return self.invalid if kind in (INVALID, UNUSABLE_IMAGE) and self.invalid is not INVALID else kind


class RequestValues:
    """The values of a request, each of its kind."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Take values that were checked."""
        self._values = values

    def has(self, name: str) -> bool:
        """Return whether a value is there."""
        return self._values.get(name) is not None

    def integer(self, name: str) -> int:
        """Return an `Integer`."""
        return int(self._values[name])

    def text(self, name: str) -> str:
        """Return a `Text`."""
        return str(self._values[name])

    def optional_text(self, name: str) -> str | None:
        """Return a `Text` or None."""
        return self.text(name) if self.has(name) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return `Texts`; none where they are not there."""
        return tuple(self._values.get(name) or ())

    def truth(self, name: str) -> bool:
        """Return a `Truth`; false where it is not there."""
        return bool(self._values.get(name))

    def number(self, name: str) -> float | None:
        """Return a `Number` or None."""
        return float(self._values[name]) if self.has(name) else None

    def coordinates(self, name: str) -> tuple[float, float] | None:
        """Return `Coordinates` or None."""
        return self._values[name] if self.has(name) else None

    def labels(self, name: str) -> Mapping[str, tuple[str, ...]]:
        """Return `Labels`; none where they are not there."""
        return self._values.get(name) or {}

    def vector(self, name: str) -> tuple[float, ...]:
        """Return a `Vector`."""
        return tuple(self._values[name])

    def images(self, name: str) -> tuple[Upload, ...]:
        """Return `ImageFiles`, at least one."""
        return tuple(self._values[name])

    def image(self, name: str) -> Upload:
        """Return a `ImageFile`."""
        upload: Upload = self._values[name]
        return upload


Handler = Callable[[RequestValues], "Response"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An operation and what answers it."""

    operation: Operation
    handler: Handler


def read_request(operation: Operation, request: Request, in_path: Mapping[str, str]) -> RequestValues:
    """Return what a request asks for.

    Args:
        operation: Describes it.
        request: The request.
        in_path: What stands in its path.

    Raises:
        ProblemError: The body is of another type or cannot be read, or a value is missing or not of its kind.
    """
    try:
        values = {one.name: one.kind.from_text(in_path[one.name]) for one in operation.in_path}
    except InvalidValueError as error:
        raise ProblemError(NOT_FOUND, f"a part of the address {error}") from error
    values |= _from_form(operation.in_query, request.args, {})
    if operation.bodies:
        values |= _from_body(operation, request)
    return RequestValues(values)


def _from_body(operation: Operation, request: Request) -> dict[str, Any]:
    for body in operation.bodies:
        if body.content_type == request.mimetype == MULTIPART:
            return _from_multipart(body, request)
        if body.content_type == request.mimetype:
            return _from_json(body, request.get_data())
    wanted = " or ".join(body.content_type for body in operation.bodies)
    raise ProblemError(WRONG_TYPE, f"send {wanted}; this is {request.mimetype[:80] or 'nothing of a known type'}")


def _from_multipart(body: Body, request: Request) -> dict[str, Any]:
    if body.is_strict:
        # Of a part without a name the name is None, whatever werkzeug's types say.
        _refuse_others(body, [name or "" for name in (*request.form, *request.files)])
    uploads: dict[str, Any] = {}
    for one in body.fields:
        if isinstance(one.kind, ImageFile) and (sent := request.files.getlist(one.name)):
            most = one.kind.most if isinstance(one.kind, ImageFiles) else 1
            if len(sent) > most:
                raise ProblemError(INVALID, f"`{one.name}` is there {len(sent)} times, and may be {most}")
            files = tuple(_upload(file, one.name) for file in sent)
            uploads[one.name] = files if isinstance(one.kind, ImageFiles) else files[0]
    values = _from_form(body.fields, request.form, uploads)
    for name, other in body.needs.items():
        if values[name] is not None and values[other] is None:
            raise ProblemError(INVALID, f"`{name}` says something of `{other}`; send both")
    return values


def _upload(file: FileStorage, field_name: str) -> Upload:
    upload = Upload(name=(file.filename or "photo")[:_MAX_FILE_NAME], data=file.read())
    if not upload.data:
        raise ProblemError(UNUSABLE_IMAGE, f"`{field_name}` is empty (0 bytes)")
    return upload


def _from_form(fields: Sequence[RequestField], form: MultiDict[str, str], uploads: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(uploads)
    for one in fields:
        sent = form.getlist(one.name)
        try:
            if one.name in uploads:
                continue
            if not sent:
                values[one.name] = _absent(one)
            elif isinstance(one.kind, Texts | LabelTexts):
                values[one.name] = one.kind.from_json(sent)
            elif len(sent) > 1:
                raise InvalidValueError(f"is there {len(sent)} times")
            else:
                values[one.name] = one.kind.from_text(sent[0])
        except InvalidValueError as error:
            raise ProblemError(INVALID, f"`{one.name}` {error}") from error
    return values


def _from_json(body: Body, data: bytes) -> dict[str, Any]:
    try:
        sent = parse_json_object(data, where="the body", max_bytes=MAX_JSON_BYTES).values
    except PackFormatError as error:
        raise ProblemError(MALFORMED, str(error)) from error
    if body.is_strict:
        _refuse_others(body, list(sent))
    values: dict[str, Any] = {}
    for one in body.fields:
        try:
            value = sent.get(one.name)
            values[one.name] = _absent(one) if value is None else one.kind.from_json(value)
        except InvalidValueError as error:
            raise ProblemError(INVALID, f"`{one.name}` {error}") from error
    _check_alternatives(body, values)
    return values


def _check_alternatives(body: Body, values: Mapping[str, Any]) -> None:
    there = [group for group in body.either if any(values[name] is not None for name in group)]
    if body.either and len(there) != 1:
        groups = " or ".join(" and ".join(f"`{name}`" for name in group) for group in body.either)
        raise ProblemError(INVALID, f"send either {groups}")
    for name in there[0] if there else ():
        if values[name] is None:
            raise ProblemError(INVALID, f"`{name}` is missing")


def _absent(one: RequestField) -> Any:
    if one.is_required:
        raise InvalidValueError("is missing")
    return one.absent


def _refuse_others(body: Body, names: Sequence[str]) -> None:
    known = [one.name for one in body.fields]
    for name in names:
        if name not in known:
            raise ProblemError(INVALID, f"there is no field {name[:40]!r}; there is {', '.join(known)}")
