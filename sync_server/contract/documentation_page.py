"""The page `/docs`: HTML from the same operations as OpenAPI, without external files."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edge_identify import __version__
from edge_identify.sync_server.contract.collection_kinds import LabelTexts, Texts
from edge_identify.sync_server.contract.openapi import TAGS, problems_of
from edge_identify.sync_server.contract.operation import JSON, MULTIPART, Body, Operation, RequestField
from edge_identify.sync_server.contract.problem_kinds import KINDS, ProblemKind
from edge_identify.sync_server.contract.value_kinds import Choice, ImageFile, ImageFiles
from edge_identify.sync_server.contract.web_pages import prose, web_page

_BODY = """<h1>Edge-Identify {version}: HTTP service</h1>
<p>For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).
The server checks requests against this description.</p>
<nav>{contents}</nav>
{chapters}
<h2 id="chapter-problems">Problems</h2>
<p>Errors are <code>application/problem+json</code> (RFC 9457). Their <code>type</code> is stable.</p>
{problems}"""


def documentation_page(operations: Sequence[Operation], *, address: str) -> bytes:
    """Return the page of operations: UTF-8 HTML.

    Args:
        operations: All operations of the service.
        address: Address of the server in the examples, without a slash at its end.
    """
    chapters = "\n".join(_chapter(tag, [one for one in operations if one.tag == tag], address) for tag in TAGS)
    body = _BODY.format(
        version=__version__,
        contents=" ".join(
            f'<a href="#chapter-{escape(tag)}">{escape(tag.capitalize())}</a>' for tag in (*TAGS, "problems")
        ),
        chapters=chapters,
        problems="\n".join(_problem(kind) for kind in KINDS),
    )
    return web_page(f"Edge-Identify {__version__}: HTTP service", body)


def _chapter(tag: str, operations: Sequence[Operation], address: str) -> str:
    articles = "\n".join(_article(one, address) for one in operations)
    return f'<h2 id="chapter-{escape(tag)}">{escape(tag.capitalize())}</h2>\n<p>{prose(TAGS[tag])}</p>\n{articles}'


def _article(operation: Operation, address: str) -> str:
    rows = [
        *(_row(one, "path") for one in operation.in_path),
        *(_row(one, "query") for one in operation.in_query),
        *(_row(one, _place(body)) for body in operation.bodies for one in body.fields),
    ]
    table = f"<table><tr><th>field<th>in<th>value<th>meaning</tr>{''.join(rows)}</table>" if rows else ""
    answers = "; ".join(f"{one.status} {one.content_type}: {one.about}" for one in operation.responses)
    kinds = ", ".join(f'<a href="#{kind.name}">{kind.status} {kind.name}</a>' for kind in problems_of(operation))
    return (
        f'<article id="{escape(operation.id)}"><h3><code>{operation.method} {escape(operation.path)}</code></h3>\n'
        f"<p>{prose(operation.summary)} {prose(operation.about)}</p>\n{_example(operation, address)}\n{table}\n"
        f'<p>Response: {prose(answers)}</p><p class="faint">Problems: {kinds}</p></article>'
    )


def _place(body: Body) -> str:
    return "JSON" if body.content_type == JSON else "form"


def _row(one: RequestField, place: str) -> str:
    schema = one.kind.schema()
    repeated = "list of texts" if place == "JSON" else "text, repeatable"
    kind = {ImageFile: "file", ImageFiles: "file, repeatable", Texts: repeated, LabelTexts: repeated}.get(
        type(one.kind), schema["type"]
    )
    limits = [f"{word} {schema[key]}" for key, word in _LIMITS.items() if key in schema]
    limits += [f"one of {' '.join(one.kind.words)}"] if isinstance(one.kind, Choice) else []
    state = "required" if one.is_required else f"default {one.default}" if one.default is not None else "optional"
    about = escape(", ".join([str(kind), *limits, state]))
    return f"<tr><td><code>{escape(one.name)}</code><td>{place}<td>{about}<td>{prose(one.about)}</tr>"


_LIMITS = {"minimum": "at least", "maximum": "at most", "maxLength": "characters: at most", "maxItems": "at most"}


def _example(operation: Operation, address: str) -> str:
    words = ["curl"]
    if operation.bodies:
        body = operation.bodies[0]
        needed = [one for one in body.fields if one.is_required] or list(body.fields[:1])
        words += [_curl_field(one, body) for one in needed if body.content_type == MULTIPART]
        if body.content_type == JSON:
            values = ", ".join(f'"{one.name}": {_JSON_EXAMPLES[str(one.kind.schema()["type"])]}' for one in needed)
            words.append(f"-H 'Content-Type: application/json' -d '{{{values}}}'")
    words.append(f"{address}{operation.path}")
    return f"<pre>{escape(' '.join(words))}</pre>"


_JSON_EXAMPLES = {"string": '"a red mosaic"', "array": "[0.1, 0.2]", "integer": "5"}


def _curl_field(one: RequestField, body: Body) -> str:
    value = "@photo.jpg" if isinstance(one.kind, ImageFile) else "..."
    return f"-F {one.name}={value}" if body.content_type == MULTIPART else ""


def _problem(kind: ProblemKind) -> str:
    heading = f"{kind.status} {prose(kind.title)}: <code>{kind.name}</code>"
    return f'<article id="{kind.name}"><h3>{heading}</h3><p>{prose(kind.meaning)}</p></article>'
