"""The work of command-line options, each in a module that is imported only where the option is given."""
