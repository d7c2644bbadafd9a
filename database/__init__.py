"""Tables, migrations and the seed catalogue."""
