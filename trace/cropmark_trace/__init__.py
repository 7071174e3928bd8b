"""Batch records, keys, the Merkle log, proofs, the verifier and the shopper's page."""
