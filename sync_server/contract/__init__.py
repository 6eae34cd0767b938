"""Each route described once: checks, problem documents and OpenAPI come from it. Read `operation` first."""
