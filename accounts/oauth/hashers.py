"""How secrets of clients are kept."""

import hashlib
import secrets
from typing import Any

from django.contrib.auth.hashers import BasePasswordHasher


class SecretHasher(BasePasswordHasher):
    """One SHA-256 over a secret of 256 random bits that this server made.

    Slow hashes protect what people think up, which can be guessed. Nobody guesses 256 bits at any speed, and a
    machine that logs in often would pay for every one of them.
    """

    algorithm = "sha256_random"

    def encode(self, password: str, salt: str) -> str:
        return f"{self.algorithm}${salt}${hashlib.sha256(f'{salt}${password}'.encode()).hexdigest()}"

    def decode(self, encoded: str) -> dict[str, Any]:
        algorithm, salt, digest = encoded.split("$")
        return {"algorithm": algorithm, "salt": salt, "hash": digest}

    def verify(self, password: str, encoded: str) -> bool:
        return secrets.compare_digest(encoded, self.encode(password, self.decode(encoded)["salt"]))

    def safe_summary(self, encoded: str) -> Any:
        return {"algorithm": self.algorithm}

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing: there is no slower form to be like."""
