"""Keys, sealed messages, invites and broker passes: what a peer says, and how others know that it was said so."""
