"""From a photo or a text to an answer: embed, search, look up the references, decide.

Read `identifier` first, then `reference_finder`. `vector_search` and `binary_codes` search the index, `filtering` and
`place_lookup` apply filters and positions, `geometry` compares point by point.
"""
