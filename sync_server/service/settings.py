"""The service's settings: from flags, the environment and a TOML file, in this order of precedence.

Unknown names are refused in the file and in the environment: a mistyped name would otherwise leave a limit at its
default without a message.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.buckets import check_web_address

ENVIRONMENT_PREFIX = "EDGE_SERVE_"
LOG_LEVEL = "LOG_LEVEL"  # without a prefix, by the convention for containers
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|http://\[[0-9a-fA-F:]+\](:[0-9]{1,5})?")
_INTERNAL_LOCATION = re.compile(r"/([A-Za-z0-9_-]+/)+")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings.

    Attributes:
        repo: Published tree to serve and to answer from; None for none.
        store: A device's store to answer from; None for none.
        keys: Folder of the keys of `repo`, to renew its signatures; None for the folder beside it, if there is one.
        bucket: Published tree in a bucket to answer from, `s3://bucket/prefix`; empty for none.
        endpoint: Endpoint of an S3-compatible server other than Amazon's; empty for none.
        host: Address to listen on. The default accepts connections from this machine only.
        port: TCP port; 0 for a free one.
        deliver_only: Serve the tree only. No pack is opened.
        x_accel_redirect: Internal location of an nginx in front, such as `/blobs-of-packs/`, from which it sends files
            itself; empty for none.
        default_pack: The pack for requests that name none; empty for the only pack.
        workers: How many photos are decoded and embedded at once; 0 for the number of cores.
        patience_s: Longest wait of a request for a free worker, in seconds.
        max_body_mib: Largest request body, in MiB.
        rate_per_minute: Questions per minute and client address; 0 for no limit.
        refresh_s: Interval between checks for newer versions, in seconds.
        image_urls: Where clients get reference images; see `delivery.image_urls.image_urls`.
        public_url: The server's URL for clients, `https://host.example.org`, used in answers. Empty: the URL of the
            request, which is wrong behind a proxy.
        allowed_hosts: More host names of this server, separated by commas; `*` for any. Requests with other names in
            `Host` are refused if some are listed, or if the server listens on loopback.
        image_url_valid_s: How long a presigned image URL is valid, in seconds.
        allow_origin: Web pages of this origin may read answers (CORS); empty for none. Any page may read packs.
        app_pack_servers: Origins, separated by commas, from which the web app may fetch packs beside this server's own.
        log_level: `debug`, `info` (one line for each request), `warning` or `error`.
    """

    repo: Path | None = None
    store: Path | None = None
    keys: Path | None = None
    bucket: str = ""
    endpoint: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    deliver_only: bool = False
    x_accel_redirect: str = ""
    default_pack: str = ""
    workers: int = 0
    patience_s: float = 10.0
    max_body_mib: int = 32
    rate_per_minute: int = 0
    refresh_s: float = 5.0
    image_urls: str = "recorded"
    public_url: str = ""
    allowed_hosts: str = ""
    image_url_valid_s: float = 3600.0
    allow_origin: str = ""
    app_pack_servers: str = ""
    log_level: str = "warning"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            SetupError: A number is outside its limits, the log level is unknown, `public_url` is not a URL, or
                `x_accel_redirect` is not a path.
        """
        limits: dict[str, tuple[float, float]] = {
            "port": (0, 65535), "workers": (0, 256), "patience_s": (0.001, 600), "max_body_mib": (1, 256),
            "rate_per_minute": (0, 1_000_000), "refresh_s": (0.1, 86_400),
            "image_url_valid_s": (1, 604_800),  # S3 signs for at most a week
        }  # fmt: skip
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise SetupError(f"{name} is {getattr(self, name):g}; expected {least:g} to {most:g}")
        if self.public_url:
            check_web_address(self.public_url, option="public_url")
        for origin in self.pack_servers:
            _check_origin(origin)
        if self.x_accel_redirect and not _INTERNAL_LOCATION.fullmatch(self.x_accel_redirect):
            raise SetupError(
                f"x_accel_redirect is {self.x_accel_redirect!r}; expected a path that begins and ends with a slash, "
                "such as /blobs-of-packs/"
            )
        if self.log_level not in LOG_LEVELS:
            raise SetupError(f"log_level is {self.log_level!r}; choose one of {', '.join(LOG_LEVELS)}")

    @property
    def concurrent_photos(self) -> int:
        """How many photos are decoded and embedded at once."""
        return self.workers or os.cpu_count() or 1

    @property
    def max_body_bytes(self) -> int:
        """Largest request body, in bytes."""
        return self.max_body_mib * 2**20

    @property
    def pack_servers(self) -> tuple[str, ...]:
        """The origins of `app_pack_servers`."""
        return tuple(origin.strip().rstrip("/") for origin in self.app_pack_servers.split(",") if origin.strip())


def _check_origin(origin: str) -> None:
    """Raise `SetupError` unless this is an origin: it is written into a Content-Security-Policy."""
    if not _ORIGIN.fullmatch(origin):
        raise SetupError(f"app_pack_servers has {origin!r}; expected origins such as https://packs.example.org")


_KINDS = {field.name: str(field.type).split(" |")[0] for field in fields(Settings)}


def read_settings(flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Return the settings of flags, environment and file.

    Args:
        flags: Values by setting name; None for flags that were not given.
        environment: As `os.environ`: names with the prefix `EDGE_SERVE_`, and `LOG_LEVEL`.
        file: TOML with the setting names at the top level; None for none.

    Raises:
        SetupError: The file cannot be read, a name is unknown, or a value is invalid.
    """
    values = {} if file is None else _from_file(file)
    values |= _from_environment(environment)
    values |= {name: value for name, value in flags.items() if value is not None}
    return Settings(**values)


def _from_file(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            found = tomllib.load(opened)
    except OSError as error:
        raise SetupError(f"{file}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{file}: is not TOML ({error})") from error
    return {name: _checked(name, value, f"{file}: {name}") for name, value in found.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if variable == LOG_LEVEL:
            values.setdefault("log_level", text.lower())
        elif variable.startswith(ENVIRONMENT_PREFIX):
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
            values[name] = _checked(name, _parsed(name, text, variable), variable)
    return values


def _parsed(name: str, text: str, where: str) -> Any:
    """Parse the text of an environment variable as the type of its setting."""
    kind = _KINDS.get(name)
    try:
        if kind == "bool":
            return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        return {"int": int, "float": float}.get(kind or "", str)(text)
    except (ValueError, KeyError) as error:
        raise SetupError(f"{where} is {text!r}; expected {kind}") from error


def _checked(name: str, value: Any, where: str) -> Any:
    """Check a value's type; return it, as a `Path` for paths."""
    kind = _KINDS.get(name)
    if kind is None:
        near = get_close_matches(name, _KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(_KINDS)}"
        raise SetupError(f"{where}: unknown setting; {hint}")
    expected: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,)}
    if not isinstance(value, expected.get(kind, (str,))) or (kind != "bool" and isinstance(value, bool)):
        raise SetupError(f"{where} is {value!r}; expected {'text' if kind in ('str', 'Path') else kind}")
    return Path(str(value)) if kind == "Path" else value
