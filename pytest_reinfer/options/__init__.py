"""What options of pytest do, each in a module of its own, loaded where its option is given."""
