"""Fitted models for people: `report` is the door to a text, a page and a sheet of the same numbers."""
