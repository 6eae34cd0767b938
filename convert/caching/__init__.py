"""What builds keep for the next build: exported encoders, embeddings of photos, thumbnails.

Read `build_cache` first. Everything is kept under a key that covers all that it depends on, so that a build with a
cache gives the same bytes as a build without one. What builds no longer use is forgotten, and all of it is safe to
delete.
"""
