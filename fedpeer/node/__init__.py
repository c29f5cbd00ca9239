"""Makes it happen: the engine that receives, steps, commits and releases; commands and views for people."""
