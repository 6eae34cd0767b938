"""The page `/docs`: HTML from the same operations as OpenAPI, without external files."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edge_identify import __version__
from edge_identify.sync_server.contract.collection_kinds import LabelTexts, Texts
from edge_identify.sync_server.contract.openapi import TAGS, problems_of
from edge_identify.sync_server.contract.operation import JSON, MULTIPART, Body, Operation, RequestField
from edge_identify.sync_server.contract.problem_kinds import KINDS, ProblemKind
from edge_identify.sync_server.contract.value_kinds import ImageFile, ImageFiles

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Edge-Identify {version}: HTTP service</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem; }}
code, pre {{ font-size: .9em; overflow-wrap: anywhere; }}
pre {{ overflow-x: auto; background: #8882; padding: .5rem; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ text-align: left; vertical-align: top; padding: .1rem .6rem .1rem 0; border-top: 1px solid #8886; }}
article {{ border-top: 2px solid #888; padding: .5rem 0; }}
@media (prefers-color-scheme: dark) {{ :root {{ color-scheme: dark; }} }}
</style>
</head>
<body>
<h1>Edge-Identify {version}: HTTP service</h1>
<p>For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).
The server checks requests against this description.</p>
{chapters}
<h2>Problems</h2>
<p>Errors are <code>application/problem+json</code> (RFC 9457). Their <code>type</code> is stable.</p>
{problems}
</body>
</html>
"""


def documentation_page(operations: Sequence[Operation]) -> bytes:
    """Return the page of operations: UTF-8 HTML."""
    chapters = "\n".join(_chapter(tag, [one for one in operations if one.tag == tag]) for tag in TAGS)
    problems = "\n".join(_problem(kind) for kind in KINDS)
    return _PAGE.format(version=__version__, chapters=chapters, problems=problems).encode()


def _chapter(tag: str, operations: Sequence[Operation]) -> str:
    articles = "\n".join(_article(one) for one in operations)
    return f"<h2>{escape(tag.capitalize())}</h2>\n<p>{escape(TAGS[tag])}</p>\n{articles}"


def _article(operation: Operation) -> str:
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
        f"<p>{escape(operation.summary)} {escape(operation.about)}</p>\n{_example(operation)}\n{table}\n"
        f"<p>Response: {escape(answers)}</p><p>Problems: {kinds}</p></article>"
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
    state = "required" if one.is_required else f"default {one.default}" if one.default is not None else "optional"
    about = escape(", ".join([str(kind), *limits, state]))
    return f"<tr><td><code>{escape(one.name)}</code><td>{place}<td>{about}<td>{escape(one.about)}</tr>"


_LIMITS = {"minimum": "at least", "maximum": "at most", "maxLength": "characters: at most", "maxItems": "at most"}


def _example(operation: Operation) -> str:
    words = ["curl"]
    if operation.bodies:
        body = operation.bodies[0]
        needed = [one for one in body.fields if one.is_required] or list(body.fields[:1])
        words += [_curl_field(one, body) for one in needed if body.content_type == MULTIPART]
        if body.content_type == JSON:
            values = ", ".join(f'"{one.name}": {_JSON_EXAMPLES[str(one.kind.schema()["type"])]}' for one in needed)
            words.append(f"-H 'Content-Type: application/json' -d '{{{values}}}'")
    words.append(f"http://127.0.0.1:8000{operation.path}")
    return f"<pre>{escape(' '.join(words))}</pre>"


_JSON_EXAMPLES = {"string": '"a red mosaic"', "array": "[0.1, 0.2]", "integer": "5"}


def _curl_field(one: RequestField, body: Body) -> str:
    value = "@photo.jpg" if isinstance(one.kind, ImageFile) else "..."
    return f"-F {one.name}={value}" if body.content_type == MULTIPART else ""


def _problem(kind: ProblemKind) -> str:
    heading = f"{kind.status} {escape(kind.title)}: <code>{kind.name}</code>"
    return f'<article id="{kind.name}"><h3>{heading}</h3><p>{escape(kind.meaning)}</p></article>'
