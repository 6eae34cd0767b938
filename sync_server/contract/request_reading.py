"""Read a request as its operation describes it: path, query, and a form or JSON body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.errors import PackFormatError
from edge_identify.edge_runtime.io.json_fields import parse_json_object
from edge_identify.sync_server.contract.collection_kinds import LabelTexts, Texts
from edge_identify.sync_server.contract.operation import MULTIPART, Body, Operation, RequestField
from edge_identify.sync_server.contract.problem_kinds import (
    INVALID,
    MALFORMED,
    NOT_FOUND,
    UNUSABLE_IMAGE,
    WRONG_TYPE,
    ProblemError,
)
from edge_identify.sync_server.contract.request_values import RequestValues, Upload
from edge_identify.sync_server.contract.value_kinds import ImageFile, ImageFiles, InvalidValueError

if TYPE_CHECKING:
    from flask import Request
    from werkzeug.datastructures import FileStorage, MultiDict

_MAX_JSON_BYTES = 2**20  # a vector of 8,192 numbers takes about 200 kB
_MAX_FILE_NAME = 200


def read_request(operation: Operation, request: Request, in_path: Mapping[str, str]) -> RequestValues:
    """Return the checked values of a request.

    Args:
        operation: Describes the request.
        request: The request.
        in_path: The values of the path's variables.

    Raises:
        ProblemError: The body has another content type or cannot be parsed, or a value is missing or invalid.
    """
    try:
        values = {one.name: one.kind.from_text(in_path[one.name]) for one in operation.in_path}
    except InvalidValueError as error:
        raise ProblemError(NOT_FOUND, f"a part of the path {error}") from error
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
    raise ProblemError(WRONG_TYPE, f"send {wanted}; the request has {request.mimetype[:80] or 'no content type'}")


def _from_multipart(body: Body, request: Request) -> dict[str, Any]:
    if body.is_strict:
        # A part without a name has the name None, although werkzeug's types say str.
        _refuse_others(body, [name or "" for name in (*request.form, *request.files)])
    uploads: dict[str, Any] = {}
    for one in body.fields:
        if isinstance(one.kind, ImageFile) and (sent := request.files.getlist(one.name)):
            most = one.kind.most if isinstance(one.kind, ImageFiles) else 1
            if len(sent) > most:
                raise ProblemError(INVALID, f"`{one.name}` is given {len(sent)} times; the limit is {most}")
            files = tuple(_upload(file, one.name) for file in sent)
            uploads[one.name] = files if isinstance(one.kind, ImageFiles) else files[0]
    values = _from_form(body.fields, request.form, uploads)
    for name, other in body.needs.items():
        if values[name] is not None and values[other] is None:
            raise ProblemError(INVALID, f"`{name}` needs `{other}`; send both")
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
                raise InvalidValueError(f"is given {len(sent)} times")
            else:
                values[one.name] = one.kind.from_text(sent[0])
        except InvalidValueError as error:
            raise ProblemError(INVALID, f"`{one.name}` {error}") from error
    return values


def _from_json(body: Body, data: bytes) -> dict[str, Any]:
    try:
        sent = parse_json_object(data, where="the body", max_bytes=_MAX_JSON_BYTES).values
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
            raise ProblemError(INVALID, f"there is no field {name[:40]!r}; the fields are {', '.join(known)}")
