"""How the service is set up: from flags, the environment and a TOML file, in this order of weight.

A newcomer would let a key that is written wrongly pass: the cap or the address that somebody believes in is then not
there. Every unknown key is refused, in the file and in the environment.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from edge_identify.edge_runtime.errors import SetupError
from edge_identify.edge_runtime.io.buckets import check_web_address

ENVIRONMENT_PREFIX = "EDGE_SERVE_"
LOG_LEVEL = "LOG_LEVEL"  # without a prefix, as containers have it
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator may choose.

    Attributes:
        repo: The published tree to serve and to answer from; None for none.
        store: A device's store to answer from; None for none.
        bucket: A published tree in a bucket to answer from, `s3://bucket/prefix`; empty for none.
        endpoint: Of a server of buckets that speaks S3 and is not Amazon's; empty for none.
        host: Address to listen on; the default is this machine only.
        port: 0 takes a free one.
        deliver_only: Serve the tree and answer nothing: no pack is opened.
        default_pack: Answers where a request names none; empty for the only one there is.
        workers: Photos that are decoded and embedded at a time; 0 for one each core.
        patience_s: How long a request waits for its turn.
        max_body_mib: The largest request, in MiB.
        rate_per_minute: Questions that one address may ask in a minute; 0 for any number.
        refresh_s: How often newer versions are looked for.
        image_urls: Where clients find pictures of references: see `image_urls.image_urls`.
        public_url: The address that clients know this server by, `https://host.example.org`, for addresses in answers;
            empty for the one that they asked at, which behind a proxy is another.
        image_url_valid_s: How long a signed address of a picture is good for.
        allow_origin: Web pages of this origin may read answers; empty for none. Packs may be read by all.
        log_level: `debug`, `info` (a line for each request), `warning` or `error`.
    """

    repo: Path | None = None
    store: Path | None = None
    bucket: str = ""
    endpoint: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    deliver_only: bool = False
    default_pack: str = ""
    workers: int = 0
    patience_s: float = 10.0
    max_body_mib: int = 32
    rate_per_minute: int = 0
    refresh_s: float = 5.0
    image_urls: str = "recorded"
    public_url: str = ""
    image_url_valid_s: float = 3600.0
    allow_origin: str = ""
    log_level: str = "warning"

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            SetupError: A number is outside its limits, there is no such level, or an address is none.
        """
        limits: dict[str, tuple[float, float]] = {
            "port": (0, 65535), "workers": (0, 256), "patience_s": (0.001, 600), "max_body_mib": (1, 256),
            "rate_per_minute": (0, 1_000_000), "refresh_s": (0.1, 86_400),
            "image_url_valid_s": (1, 604_800),  # a week is the most that S3 signs for
        }  # fmt: skip
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise SetupError(f"{name} is {getattr(self, name):g}, outside {least:g} to {most:g}")
        if self.public_url:
            check_web_address(self.public_url, option="public_url")
        if self.log_level not in LOG_LEVELS:
            raise SetupError(f"log_level is {self.log_level!r}; choose one of {', '.join(LOG_LEVELS)}")

    @property
    def concurrent_photos(self) -> int:
        """How many photos are decoded and embedded at a time."""
        return self.workers or os.cpu_count() or 1

    @property
    def max_body_bytes(self) -> int:
        """The largest request."""
        return self.max_body_mib * 2**20


_KINDS = {field.name: str(field.type).split(" |")[0] for field in fields(Settings)}


def read_settings(flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Return the settings that flags, environment and file say.

    Args:
        flags: By name; None for those that were not given.
        environment: As `os.environ`; names begin with `EDGE_SERVE_`, and `LOG_LEVEL` counts, too.
        file: TOML with the names at its top; None for none.

    Raises:
        SetupError: The file cannot be read, or a name or value is none.
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
    """Return what a text of the environment means, of its setting's kind."""
    kind = _KINDS.get(name)
    try:
        if kind == "bool":
            return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        return {"int": int, "float": float}.get(kind or "", str)(text)
    except (ValueError, KeyError) as error:
        raise SetupError(f"{where} is {text!r}, which is no {kind}") from error


def _checked(name: str, value: Any, where: str) -> Any:
    """Return a setting's value; a path as one."""
    kind = _KINDS.get(name)
    if kind is None:
        near = get_close_matches(name, _KINDS, n=1) or list(_KINDS)
        raise SetupError(f"{where}: there is no such setting; there is {', '.join(near)}")
    expected: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,)}
    if not isinstance(value, expected.get(kind, (str,))) or (kind != "bool" and isinstance(value, bool)):
        raise SetupError(f"{where} is {value!r}, which is no {'text' if kind in ('str', 'Path') else kind}")
    return Path(str(value)) if kind == "Path" else value
