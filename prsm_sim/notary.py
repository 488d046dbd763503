"""Signatures in the simulator: a cheap stand-in with the interface of Ed25519.

An Ed25519 signature costs 50–100 µs and its verification twice that, too much for every simulated
message. Here a signature is a keyed BLAKE2b hash under a secret that only the world knows, so no
actor can make another's. Making one costs about 1 µs. What was signed lately is remembered, so
checking a true signature is a look into a dictionary, which matters because one signature is
checked by many. Live, `Context.sign` is real Ed25519.
"""

import hashlib

from prsm_sim.actor.types import PeerId
from prsm_sim.chance import key_of

SIGNATURE_BYTES = 16
REMEMBERED = 4096
"""So many signatures are remembered for each signer, until all of its are forgotten at once."""


class _Desk:
    """One signer's key, and what it has signed lately."""

    __slots__ = ("key", "signed")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.signed: dict[bytes, bytes] = {}

    def sign(self, payload: bytes) -> bytes:
        """The signature over `payload`."""
        return hashlib.blake2b(payload, key=self.key, digest_size=SIGNATURE_BYTES).digest()


class Notary:
    """Signs and verifies for all peers of one world."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._desks: dict[PeerId, _Desk] = {}

    def sign(self, signer: PeerId, payload: bytes) -> bytes:
        """The signature of `signer` over `payload`, 16 bytes."""
        desk = self._desk(signer)
        signature = desk.sign(payload)
        if len(desk.signed) >= REMEMBERED:
            desk.signed.clear()
        desk.signed[payload] = signature
        return signature

    def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
        """Whether `signature` is `signer`'s over exactly `payload`."""
        desk = self._desks.get(signer) or self._desk(signer)
        known = desk.signed.get(payload)
        return (desk.sign(payload) if known is None else known) == signature

    def _desk(self, signer: PeerId) -> _Desk:
        desk = self._desks.get(signer)
        if desk is None:
            desk = self._desks[signer] = _Desk(key_of(self._seed, "signing key", signer))
        return desk
