"""Exact sufficient statistics: a table becomes a vector of integers, and vectors of integers add up."""
