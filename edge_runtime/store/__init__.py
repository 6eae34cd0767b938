"""The packs on this device: installed versions, the active one, verified files, the self-test.

Read `pack_store` first: it describes the folders and how a version is activated. `installed_packs` opens the active
version.
"""
