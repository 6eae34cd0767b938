"""The published tree over HTTP: ETag, Range, image URLs. Read `tree_routes` first."""
