"""Fetching images over HTTP: many at once, politely, from public addresses only. Read `bulk_fetching` first."""
