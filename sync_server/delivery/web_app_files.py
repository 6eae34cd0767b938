"""The files of the field app, as this installation has them: the app, its core, and the runtime that `make web` copies.

The sources are plain JavaScript modules in `edge_runtime/web`; no build changes them. ONNX Runtime's WebAssembly is not
in the repository. `make web` takes it from npm and puts it, compressed too, into `edge_runtime/web/vendor`.

The service worker's text names every file and one version, which is the hash of all of them. A browser that finds
another text fetches the whole new app, so no phone ever runs half of one version and half of another.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from edge_identify import edge_runtime

WEB_FOLDER = Path(edge_runtime.__file__).parent / "web"
PAGE = "index.html"
WORKER = "sw.js"
VENDOR = "vendor"

_AT_THE_ROOT = (PAGE, WORKER, "app.webmanifest")  # these lie in `app/` and are served one level above it
_BACKGROUND = "/background/"  # modules of the worker, which the page does not load
_SOURCES = ("app", "core")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
_COMPRESSED = {".br": "br", ".gz": "gzip"}
_TEXTS = (".html", ".js", ".mjs", ".css", ".webmanifest", ".svg", ".txt")
_OWN_SERVER = "connect-src 'self'"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFile:
    """One file of the app.

    Attributes:
        content_type: Value of `Content-Type`.
        data: Its bytes.
        encoded: The same, compressed, by content coding (`br`, `gzip`); best first. Empty for what does not shrink.
    """

    content_type: str
    data: bytes
    encoded: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebApp:
    """The whole app.

    Attributes:
        files: The files by path below the app's address; `index.html` is the page.
        version: Hash of all files.
        policy: The Content-Security-Policy of page, workers and modules.
        is_complete: Whether the runtime from npm is there. Without it the app opens and cannot identify.
    """

    files: Mapping[str, AppFile]
    version: str
    policy: str
    is_complete: bool


def read_web_app(folder: Path = WEB_FOLDER, *, pack_servers: Sequence[str] = ()) -> WebApp:
    """Read the app from a folder.

    Args:
        folder: The folder `web` of the device's code.
        pack_servers: Origins, beside the app's own, from which the app may fetch packs.
    """
    policy = app_policy(pack_servers)
    found = {_served_path(path, folder): path for path in _source_files(folder)}
    files = {name: _app_file(path) for name, path in sorted(found.items())}
    files[PAGE] = _text_file(PAGE, _page(files, policy))
    version = _version(files)
    files[WORKER] = _text_file(WORKER, _worker(files, version))
    return WebApp(
        files=files, version=version, policy=policy, is_complete=any(name.endswith(".wasm") for name in files)
    )


def app_policy(pack_servers: Sequence[str] = ()) -> str:
    """Return the Content-Security-Policy of the app: no request but to its own and the named pack servers."""
    connect = " ".join((_OWN_SERVER, *pack_servers))
    return (
        f"default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
        f"{connect}; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'"
    )


def _source_files(folder: Path) -> list[Path]:
    paths = [path for room in (*_SOURCES, VENDOR) for path in (folder / room).rglob("*")]
    return [path for path in paths if path.suffix in _TYPES and path.is_file() and "tests" not in path.parts]


def _served_path(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    return path.name if name in {f"app/{own}" for own in _AT_THE_ROOT} else name


def _app_file(path: Path) -> AppFile:
    data = path.read_bytes()
    beside = {
        coding: path.with_name(path.name + ending).read_bytes()
        for ending, coding in _COMPRESSED.items()
        if path.with_name(path.name + ending).is_file()
    }
    return _text_file(path.name, data) if not beside and path.suffix in _TEXTS else _file(path.name, data, beside)


def _text_file(name: str, data: bytes) -> AppFile:
    return _file(name, data, {"gzip": gzip.compress(data, 9, mtime=0)})


def _file(name: str, data: bytes, encoded: Mapping[str, bytes]) -> AppFile:
    return AppFile(content_type=_TYPES[Path(name).suffix], data=data, encoded=encoded)


def _page(files: Mapping[str, AppFile], policy: str) -> bytes:
    """Return the page with the policy inside, for hosts that send no headers, and its modules, to load them at once."""
    modules = [
        name for name in files if name.startswith("app/") and name.endswith(".js") and "/background/" not in name
    ]
    links = "\n".join(f'<link rel="modulepreload" href="{name}">' for name in modules)
    page = files[PAGE].data.decode()
    return page.replace("__POLICY__", policy).replace("<!-- modules -->", links).encode()


def _version(files: Mapping[str, AppFile]) -> str:
    digest = sha256()
    for name, file in sorted(files.items()):
        digest.update(f"{name}\0{sha256(file.data).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def _worker(files: Mapping[str, AppFile], version: str) -> bytes:
    names = ["./", *(name for name in files if name not in (PAGE, WORKER))]
    text = files[WORKER].data.decode()
    return text.replace('"__VERSION__"', json.dumps(version)).replace('"__FILES__"', json.dumps(names)).encode()
