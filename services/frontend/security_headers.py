"""What every answer tells browsers about safety."""

_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    )
)
_ALWAYS = {
    b"content-security-policy": _CONTENT_SECURITY_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"strict-origin-when-cross-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
_HSTS = {b"strict-transport-security": b"max-age=31536000; includeSubDomains"}


def security_headers(*, secure: bool) -> dict[bytes, bytes]:
    """`secure` behind TLS: browsers are told to stay with it."""
    return _ALWAYS | (_HSTS if secure else {})
