"""The pack: its manifest, the files beside it, and the reader that verifies before it opens.

Read FORMAT.md first, then `manifest` and `pack_reader`.
"""
