"""What shows that nobody changed the audit: a Merkle tree over each boot's rows, and signed checkpoints of it."""
