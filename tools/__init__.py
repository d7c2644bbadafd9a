"""What developers run: stand-ins for images where no registry can be reached."""
