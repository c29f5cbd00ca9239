"""What a federation is: its charter, the roster that follows from it, its schedule, and the ledger of contributions."""
