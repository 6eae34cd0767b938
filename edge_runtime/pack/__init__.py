"""The pack format: the manifest, the files beside it, and a reader that verifies each file before it opens it.

Read FORMAT.md first, then `manifest` and `pack_reader`. Each `*_file` module holds one byte layout.
"""
