"""libopendkim, as a signer of test messages: its own command signs with rsa-sha1 alone."""
import ctypes

library = ctypes.CDLL("libopendkim.so.11")
library.dkim_init.restype = ctypes.c_void_p
library.dkim_init.argtypes = [ctypes.c_void_p] * 2
library.dkim_sign.restype = ctypes.c_void_p
library.dkim_sign.argtypes = ([ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p] + [ctypes.c_char_p] * 3 +
                              [ctypes.c_int] * 3 + [ctypes.c_ssize_t, ctypes.POINTER(ctypes.c_int)])
for name in ("dkim_header", "dkim_body"):
    getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
library.dkim_eoh.argtypes = [ctypes.c_void_p]
library.dkim_eom.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
library.dkim_getsighdr_d.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char_p),
                                     ctypes.POINTER(ctypes.c_size_t)]
library.dkim_free.argtypes = [ctypes.c_void_p]
handle = library.dkim_init(None, None)

CANON = {b"simple": 0, b"relaxed": 1}
RSA_SHA256 = 1


def check(status, what):
    if status != 0:
        raise RuntimeError(f"libopendkim: {what}: status {status}")


def sign(message, selector, domain, private, canonicalize):
    """The DKIM-Signature field with its CRLF. Lines of the message end in CRLF; `private` is PEM."""
    status = ctypes.c_int()
    d = library.dkim_sign(handle, b"test", None, private, selector, domain, CANON[canonicalize[0]],
                          CANON[canonicalize[1]], RSA_SHA256, -1, ctypes.byref(status))
    check(status.value, "dkim_sign")
    try:
        header, body = message.split(b"\r\n\r\n", 1)
        for field in header.replace(b"\r\n ", b"\0 ").replace(b"\r\n\t", b"\0\t").split(b"\r\n"):
            field = field.replace(b"\0", b"\r\n")
            check(library.dkim_header(d, field, len(field)), "dkim_header")
        check(library.dkim_eoh(d), "dkim_eoh")
        if body:
            check(library.dkim_body(d, body, len(body)), "dkim_body")
        check(library.dkim_eom(d, None), "dkim_eom")
        value, size = ctypes.c_char_p(), ctypes.c_size_t()
        check(library.dkim_getsighdr_d(d, 16, ctypes.byref(value), ctypes.byref(size)), "dkim_getsighdr_d")
        return b"DKIM-Signature: " + value.value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n"
    finally:
        library.dkim_free(d)
