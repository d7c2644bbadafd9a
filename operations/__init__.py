"""What operators run on the host: Docker and this folder's Python are all that it takes."""
