"""The pack: its manifest, the files beside it, and the reader that verifies before it opens. See FORMAT.md."""
