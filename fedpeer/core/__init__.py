"""What fedpeer knows: values in, values out. Nothing here awaits, reads a clock, draws randomness, or touches a file."""
