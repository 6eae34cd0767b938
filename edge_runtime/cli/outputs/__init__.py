"""Answers on standard output: for a person, as JSON, as JSON Lines. Read `answer_outputs` first."""
