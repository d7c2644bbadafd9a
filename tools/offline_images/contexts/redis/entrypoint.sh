#!/bin/sh
# Like the real image: what the server writes is its own user's alone. Its modules are not here.
set -eu
umask 0077
exec "$@"
