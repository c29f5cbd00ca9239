"""The SymetryML REST dialect: a second, thin set of routes over the same node. docs/symetry.md says how far it goes."""
