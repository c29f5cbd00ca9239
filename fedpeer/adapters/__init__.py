"""Where fedpeer gets what its ports ask for: buses, stores, sources, the home directory and the system itself."""
