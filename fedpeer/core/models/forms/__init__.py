"""Fitted models outside fedpeer: `export` is the door out, `reading` the way back in."""
