"""Fetching images over HTTP: many at once, with limits for each host, from public addresses only.

Read `bulk_fetching` first.
"""
