"""A secret for another program: as a file that it reads, never on a command line."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def secret_file(content: str) -> Iterator[tuple[str, int]]:
    """Its path for a child process that gets the descriptor (`pass_fds`). On Linux it is in
    memory alone; elsewhere a file without a name that others could open."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("secret")
        # MySQL's clients pass over an option file that everybody may write.
        os.fchmod(descriptor, 0o600)
    else:
        descriptor, name = tempfile.mkstemp()
        os.unlink(name)
    try:
        os.write(descriptor, content.encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield f"/dev/fd/{descriptor}", descriptor
    finally:
        os.close(descriptor)
