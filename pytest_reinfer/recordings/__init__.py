"""Recordings of exchanges with the API: read, checked against the contract, scrubbed, and made a tenant of."""
