"""The secure sum: only the sum of what peers have is ever seen (Bonawitz et al. 2017). Begin with `terms`."""
