"""The sentence of a pulse, outward and inward, each station in its order."""
