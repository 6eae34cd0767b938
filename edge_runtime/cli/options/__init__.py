"""Options of `edge-identify`: how they are added to a parser and what they mean."""
