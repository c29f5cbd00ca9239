"""Privacy: what an owner's node demands of every release, whatever the contract says."""
