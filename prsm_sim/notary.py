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
REMEMBERED = 512
"""So many signatures are remembered for each signer, until all of its are forgotten at once."""


class Notary:
    """Signs and verifies for all peers of one world."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._keyed: dict[PeerId, hashlib.blake2b] = {}
        self._signed: dict[PeerId, dict[bytes, bytes]] = {}

    def sign(self, signer: PeerId, payload: bytes) -> bytes:
        """The signature of `signer` over `payload`, 16 bytes."""
        try:
            signed, state = self._signed[signer], self._keyed[signer].copy()
        except KeyError:  # its first
            signed, state = self._signed.setdefault(signer, {}), self._keyed_hash(signer).copy()
        if len(signed) >= REMEMBERED:
            signed.clear()
        state.update(payload)
        signature = signed[payload] = state.digest()
        return signature

    def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
        """Whether `signature` is `signer`'s over exactly `payload`."""
        try:
            return self._signed[signer][payload] == signature
        except KeyError:
            return self._signature(signer, payload) == signature

    def _signature(self, signer: PeerId, payload: bytes) -> bytes:
        state = self._keyed_hash(signer).copy()  # a third cheaper than to begin with the key anew
        state.update(payload)
        return state.digest()

    def _keyed_hash(self, signer: PeerId) -> hashlib.blake2b:
        keyed = self._keyed.get(signer)
        if keyed is None:
            key = key_of(self._seed, "signing key", signer)
            keyed = self._keyed[signer] = hashlib.blake2b(key=key, digest_size=SIGNATURE_BYTES)
        return keyed
