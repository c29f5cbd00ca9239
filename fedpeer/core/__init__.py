"""What fedpeer knows: values in, values out. No waiting, no clock, no randomness, no files."""
