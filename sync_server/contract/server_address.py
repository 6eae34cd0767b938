"""The public address of this server, as its clients reach it."""

from __future__ import annotations

from flask import current_app, request

PUBLIC_URL = "PUBLIC_URL"  # Flask config key: see `Settings.public_url`


def server_address() -> str:
    """Return the address, without a slash at its end: the configured one, or the one of the current request."""
    return str(current_app.config[PUBLIC_URL] or request.host_url).rstrip("/")
