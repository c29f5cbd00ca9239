"""The command line: a client of a running daemon, and the way to start one."""
