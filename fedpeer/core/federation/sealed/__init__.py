"""Sums under a cipher: who may say what in a round, and the three parts in it, as values."""
