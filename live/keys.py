"""Keys: one Ed25519 key pair a peer (RFC 8032).

A signature proves who said something only to those who know the speaker's public key, so a world
keeps a directory: private keys of the peers it hosts, public keys of all it talks to. Keys are
either *derived* from a seed (every process of a test derives the same directory; whoever knows the
seed can sign as anyone) or *generated* (only this process can sign for its peers).
"""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from prsm_sim.actor.types import PeerId

SIGNATURE_BYTES = 64


class Keys:
    """The directory of a world.

    Args:
        seed: derive every key from it; None generates each key from the system's entropy.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed = seed
        self._private: dict[PeerId, Ed25519PrivateKey] = {}
        self._public: dict[PeerId, Ed25519PublicKey] = {}

    def enrol(self, peer: PeerId) -> None:
        """Give `peer`, which this world hosts, its key pair; once is enough."""
        if peer in self._private:
            return
        if self._seed is None:
            key = Ed25519PrivateKey.generate()
        else:
            derived = hashlib.blake2b(
                peer.encode(), key=str(self._seed).encode()[:64], person=b"prsm-live-key"
            )
            key = Ed25519PrivateKey.from_private_bytes(derived.digest()[:32])
        self._private[peer] = key
        self._public[peer] = key.public_key()

    def trust(self, peer: PeerId, public_key: bytes) -> None:
        """Learn the public key (32 bytes) of a peer that another process hosts.

        Raises:
            ValueError: `public_key` is not 32 bytes.
        """
        self._public[peer] = Ed25519PublicKey.from_public_bytes(public_key)

    def public_key(self, peer: PeerId) -> bytes:
        """The 32 bytes of `peer`'s public key.

        Raises:
            KeyError: the peer is unknown here.
        """
        return self._public[peer].public_bytes_raw()

    def knows(self, peer: PeerId) -> bool:
        """Whether a signature of `peer` can be checked here."""
        return peer in self._public

    def sign(self, peer: PeerId, payload: bytes) -> bytes:
        """The signature (64 bytes) of `peer`, which this world hosts, over `payload`."""
        return self._private[peer].sign(payload)

    def verify(self, signer: PeerId, payload: bytes, signature: bytes) -> bool:
        """Whether `signature` is `signer`'s over exactly `payload`; False for an unknown signer."""
        key = self._public.get(signer)
        if key is None:
            return False
        try:
            key.verify(signature, payload)
        except InvalidSignature:
            return False
        return True
