"""Signing of a published tree with TUF: keys, metadata, and its renewal before it expires.

Read `signed_repository` first. docs/signing.md is the page for operators.
"""
