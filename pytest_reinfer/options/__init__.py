"""What options of pytest switch on, one module each: loaded only where the option is given."""
