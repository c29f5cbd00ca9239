"""How people and programs reach a node over HTTP: one table of routes, thin handlers, no logic of its own."""
