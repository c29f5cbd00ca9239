"""Models from a summary alone: the one door is `fit`; each kind of model is one file and one row of its table."""
