"""From a text to the token ids of a pack's text tower, without torch or open_clip. Read `tokenizer` first."""
