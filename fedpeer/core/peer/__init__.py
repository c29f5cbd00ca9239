"""The whole peer as a value: what it knows, what can happen to it, and what it then wants done."""
