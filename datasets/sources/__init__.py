"""Where reference images come from: one small protocol, and one module for each kind of source.

A source only *names* pictures and what is known of them; it opens none. Whether a picture can be used is
found out when it is added to the catalogue, so that one broken file does not stop the rest.
"""

from edge_identify.datasets.sources.source import ListedImages, Source, SourceImage
from edge_identify.datasets.sources.source_parsing import SourceOptions, parse_source

__all__ = ["ListedImages", "Source", "SourceImage", "SourceOptions", "parse_source"]
