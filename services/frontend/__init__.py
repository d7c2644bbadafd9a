"""The shop that people see: pages, guest and cart cookies, and `/api/*` for programs."""
