"""The anchor contract and its client: 32-byte roots and sizes, and no farm."""
