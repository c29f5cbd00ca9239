"""One function a route: read the call, ask the node, say what it said. A file for each noun."""
