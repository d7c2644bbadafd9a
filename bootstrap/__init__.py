"""The init job before all others: secrets, log folders and data folders, made in their volumes."""
