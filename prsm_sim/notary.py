"""Signatures in the simulator: a cheap stand-in with the interface of Ed25519.

An Ed25519 signature costs 50–100 µs and its verification twice that, too much for every simulated
message. Here a signature is a keyed BLAKE2b hash under a secret that only the world knows, so no
actor can make another's; both sides cost about 1 µs. Live, `Context.sign` is real Ed25519.
"""

import hashlib
from functools import lru_cache

from prsm_sim.actor.types import PeerId
from prsm_sim.chance import key_of

SIGNATURE_BYTES = 16


class Notary:
    """Signs and verifies for all peers of one world."""

    def __init__(self, seed: int) -> None:
        self._secret = lru_cache(maxsize=4096)(lambda peer: key_of(seed, "signing key", peer))

    def sign(self, signer: PeerId, payload: bytes) -> bytes:
        """The signature of `signer` over `payload`, 16 bytes."""
        key = self._secret(signer)
        return hashlib.blake2b(payload, key=key, digest_size=SIGNATURE_BYTES).digest()

    def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
        """Whether `signature` is `signer`'s over exactly `payload`."""
        return self.sign(signer, payload) == signature
