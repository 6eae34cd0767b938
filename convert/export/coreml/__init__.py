"""Core ML: exporting a tower as an `.mlpackage`, shrinking it, and evaluating what was saved anywhere."""
