"""The catalogue, the maker's database: references, their images, and what builds left for the next one.

Read `catalogue` first, then `adding_images`.
"""
