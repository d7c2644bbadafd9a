"""What the services say to each other: shapes, names and headers. No I/O, no framework."""
