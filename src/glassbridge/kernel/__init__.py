"""The only code that reads or changes Linux networking."""
