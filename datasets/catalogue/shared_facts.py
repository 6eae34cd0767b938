"""Facts for every image of a source: `--namespace`, `--licence` and `--provenance` of `edge-build add`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge_identify.datasets.sources.rows.described_images import BETWEEN_LICENCES
from edge_identify.datasets.sources.source import SourceImage
from edge_identify.edge_runtime.io.composed_text import composed


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFacts:
    """Default facts. A fact that the source gives takes precedence.

    Attributes:
        namespace: For references without one.
        licence: For images without one.
        provenance: For images without one.
    """

    namespace: str | None = None
    licence: str | None = None
    provenance: str | None = None

    def completed(self, image: SourceImage) -> SourceImage:
        """Return the image with missing facts filled in."""
        reference = replace(
            image.reference,
            namespace=image.reference.namespace or composed(self.namespace or ""),
            licence=image.reference.licence or self.licence,
        )
        of_reference = reference.licence or ""
        shared = None if BETWEEN_LICENCES in of_reference else of_reference or None
        return replace(
            image,
            reference=reference,
            licence=(shared if image.licence is None else image.licence) or self.licence,
            provenance=image.provenance or self.provenance,
        )
