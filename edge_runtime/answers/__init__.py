"""What an answer is, and its forms: JSON, words, an HTML report. Read `identification` first."""
