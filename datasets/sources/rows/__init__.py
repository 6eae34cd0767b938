"""Rows of lists and tables, and how they become references. Read `described_images` first."""
