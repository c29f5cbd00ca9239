"""Pictures of answers: they draw what a metric, a model or an evaluation has told, and compute nothing."""
