"""Imported first by a process that serves: what it loads stays, so that there is nothing to collect
before it is ready (`http_server/server.py`). A tenth of what a start costs was spent looking."""

import gc

gc.disable()
