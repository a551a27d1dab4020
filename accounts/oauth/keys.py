"""The key that signs tokens: a setting in production, else a file of its owner that is made at its first use."""

import os
import tempfile
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def signing_key() -> str:
    """An RSA key as PEM; raises ImproperlyConfigured when production has none."""
    if settings.OIDC_PRIVATE_KEY:
        return str(settings.OIDC_PRIVATE_KEY)
    if settings.PRODUCTION:
        raise ImproperlyConfigured("OIDC_PRIVATE_KEY is not set, so no machine and no app can log in.")
    return kept_in(settings.DATA_DIR / "oidc-key.pem")


@cache
def kept_in(path: Path) -> str:
    """The key in a file, made if there is none; of several processes that make one at once, one wins."""
    if not path.exists():
        handle, draft = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(new_key())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()
    return path.read_text(encoding="ascii")


def new_key() -> str:
    """A new RSA key of 2048 bits as PEM."""
    return (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode("ascii")
    )
