"""What the three commands share: parser, exit codes, one-line errors, progress, text on a terminal.

Read `command_parser` and `command_run` first.
"""
