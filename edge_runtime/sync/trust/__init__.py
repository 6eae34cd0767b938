"""Trust in a server: TUF metadata, and the root that a person pinned on this device.

Read `signed_offers` first. `PROTOCOL.md` beside the pack format describes the metadata for clients in other languages.
"""
