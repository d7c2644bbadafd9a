"""What developers and CI run: the environment, stand-ins for images, servers for tests."""
