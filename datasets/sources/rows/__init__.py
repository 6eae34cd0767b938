"""Rows of lists and tables, gathered into references. Read `described_images` first."""
