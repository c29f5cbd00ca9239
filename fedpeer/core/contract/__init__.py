"""Contracts: what a federation demands of every summary, in a small language with exact answers."""
