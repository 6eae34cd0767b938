"""Publishing packs and serving them: `publish` writes a static tree, `app` serves it, `edge-serve` runs both.

The layout of the tree has its home in `edge_runtime.listing`, since devices read what this room writes. Flask
loads in the modules that are named after the web; publishing needs none of it.
"""
