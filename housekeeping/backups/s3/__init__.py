"""Backups in a store that speaks S3: Amazon's, MinIO, Ceph and others."""
