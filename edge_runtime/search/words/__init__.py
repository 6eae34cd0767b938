"""Finding references by the words that a pack has of them. Read `word_index` first."""
