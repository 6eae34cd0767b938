"""The packs on this device: installed versions, the active one, verified files, the self-test.

Read `pack_store` first.
"""
