"""Each route is described once, as an `Operation`. Request checks, problem documents and OpenAPI come from it.

Read `operation` first.
"""
