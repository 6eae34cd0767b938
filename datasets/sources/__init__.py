"""Sources of reference images: one protocol, and one module for each kind of source.

A source names images and facts; it decodes none. An unusable image is found when it is added to the catalogue, so it
does not stop the rest. Read `source` first. To add a kind of source, see `source_parsing`.
"""

from edge_identify.datasets.sources.source import ListedImages, Source, SourceImage
from edge_identify.datasets.sources.source_parsing import SourceOptions, parse_source

__all__ = ["ListedImages", "Source", "SourceImage", "SourceOptions", "parse_source"]
