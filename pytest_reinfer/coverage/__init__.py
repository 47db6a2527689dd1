"""How much of the contract a test suite has exercised: what there is to meet, what was met, and the reports."""
