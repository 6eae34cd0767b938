"""Which version of a pack a server offers: signed, or, where a person says so, unsigned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import SetupError, UntrustedServerError
from edge_identify.edge_runtime.sync.trust.root_pinning import is_signed
from edge_identify.edge_runtime.sync.trust.signed_offers import signed_offer
from edge_identify.edge_runtime.sync.trust.trusted_roots import TrustedRoots

if TYPE_CHECKING:
    from pathlib import Path

    from edge_identify.edge_runtime.sync.http_download import PackServer
    from edge_identify.edge_runtime.sync.listing import OfferedPack


@dataclass(frozen=True, slots=True, kw_only=True)
class BelievedOffer:
    """What a server offers, and why it is believed.

    Attributes:
        pack: The pack, with the version to install first among its versions.
        signed_utc: When the server signed it; None if it is unsigned.
    """

    pack: OfferedPack
    signed_utc: str | None


#: Takes the server, and what returns the pack of its unsigned listing; returns what to believe.
Believe = Callable[["PackServer", str | None, Callable[[], "OfferedPack"]], BelievedOffer]


def as_listed(_server: PackServer, _name: str | None, listed: Callable[[], OfferedPack]) -> BelievedOffer:
    """Believe the unsigned listing."""
    return BelievedOffer(pack=listed(), signed_utc=None)


def as_signed(store: Path, *, unsigned: bool) -> Believe:
    """Return what a device believes.

    Args:
        store: The folder of the installed packs, with the pinned roots.
        unsigned: A person accepts an unsigned server, this time.

    Returns:
        A function that raises `SetupError` if a person has to decide, and else as `signed_offer`.
    """

    def believe(server: PackServer, name: str | None, listed: Callable[[], OfferedPack]) -> BelievedOffer:
        trusted = TrustedRoots(store).root_of(server.url)
        if trusted is None:
            if not unsigned:
                raise _undecided(server)
            return as_listed(server, name, listed)
        if unsigned:
            raise SetupError(
                f"{server.url}: has a pinned root on this device, so its signatures are checked; sync without "
                f"--unsigned, or give the root up with `edge-identify trust {server.url} --forget`"
            )
        offer = signed_offer(server, trusted, listed().name if name is None else name)
        return BelievedOffer(pack=offer.pack, signed_utc=offer.signed_utc)

    return believe


def _undecided(server: PackServer) -> SetupError | UntrustedServerError:
    if is_signed(server):
        return SetupError(
            f"{server.url}: is signed, and this device does not know its root yet; run `edge-identify trust "
            f"{server.url} --root root.json`, or with --fingerprint SHA256 from its publisher"
        )
    return UntrustedServerError(
        f"{server.url}: is not signed, so whoever controls the server or the line can send any pack; --unsigned "
        "accepts that, this time"
    )
