"""The photos of a run: their paths, decoding ahead, batches."""
