"""The command line: what the three commands share, and `edge-identify` itself."""
