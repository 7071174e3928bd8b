"""Field devices: an independent implementation of the wire formats, sharing no code with the gateway."""
