"""Turns accepted orders into rows: takes their stock in one transaction and acknowledges them
after the commit."""
