"""The doors: one module per way a client reaches a tenant. They translate, and know nothing of the API."""
