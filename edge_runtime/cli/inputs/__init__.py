"""The photos of a run: which ones, read ahead by threads, in batches."""
