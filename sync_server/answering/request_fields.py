"""Request fields that several routes share, and the filters that they give."""

from __future__ import annotations

from edge_identify.edge_runtime.pack.filters import Filters
from edge_identify.sync_server.contract.collection_kinds import Labels, LabelTexts, Texts
from edge_identify.sync_server.contract.operation import RequestField
from edge_identify.sync_server.contract.request_values import RequestValues
from edge_identify.sync_server.contract.value_kinds import ImageFile, Integer, Text

MOST_ANSWERS = 100
MOST_TEXT = 2000  # characters; a text encoder reads about 60 words

PACK = RequestField(
    name="pack",
    about="Pack name. Without it, the server's default pack answers. If it has none, all packs are asked, and the most "
    "certain answer is returned; `pack` in the answer names its pack.",
    kind=Text(),
)
PACK_OF_SPACE = RequestField(
    name="pack",
    about="Pack name. Required if the server has no default pack, and its packs have different embedding spaces.",
    kind=Text(),
)
FILE = RequestField(
    name="file",
    about="JPEG, PNG, GIF, BMP, WebP, TIFF or AVIF. HEIC if the server has the extra `heic`.",
    kind=ImageFile(),
    is_required=True,
)
TOP_K = RequestField(
    name="top_k", about="Maximum number of references.", kind=Integer(least=1, most=MOST_ANSWERS), default=5
)
LIMIT = RequestField(
    name="limit", about="Maximum number of references.", kind=Integer(least=1, most=MOST_ANSWERS), default=10
)
TEXT = RequestField(name="text", about="A description.", kind=Text(most=MOST_TEXT))
FORM_FILTERS = (
    RequestField(
        name="namespace",
        about="Only references of this namespace. Repeatable; a reference matches any of them.",
        kind=Texts(),
    ),
    RequestField(
        name="label",
        about="KEY=VALUE: only references with this label. Repeatable: any value of one key, all keys.",
        kind=LabelTexts(),
    ),
)
JSON_FILTERS = (
    RequestField(name="namespaces", about="Only references of any of these namespaces.", kind=Texts()),
    RequestField(
        name="labels",
        about="Label values by key. A reference matches any value of each key, and all keys.",
        kind=Labels(),
    ),
)


def form_filters(values: RequestValues) -> Filters:
    """Return the filters of `FORM_FILTERS`."""
    return _filters(values, "namespace", "label")


def json_filters(values: RequestValues) -> Filters:
    """Return the filters of `JSON_FILTERS`."""
    return _filters(values, "namespaces", "labels")


def _filters(values: RequestValues, namespaces: str, labels: str) -> Filters:
    return Filters(namespaces=tuple(dict.fromkeys(values.texts(namespaces))), labels=values.labels(labels))
