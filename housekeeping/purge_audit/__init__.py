"""Audit files whose orders have all reached their end."""
