"""A folder of private keys: which key signs for which role, and where it is.

    KEYS/keys.json    for each key: its role, its public half, and the URI of its private half
    KEYS/root.json    the root that this folder trusts; devices pin the same file
    KEYS/*.pem        private keys, PKCS8, encrypted with a passphrase

A private key may also be in an environment variable (`env:NAME`), or in a KMS or HSM under a URI of securesystemslib.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_identify.edge_runtime.errors import PackFormatError, SetupError
from edge_identify.edge_runtime.io.durable_writes import replacing, write_bytes
from edge_identify.edge_runtime.io.json_fields import JsonObject, canonical_json, parse_json_object

if TYPE_CHECKING:
    from securesystemslib.signer import Key, Signer

KEYS_NAME, ROOT_NAME = "keys.json", "root.json"
ONLINE = "online"  # signs for snapshot and timestamp
PASSPHRASE_VARIABLE = "EDGE_KEYS_PASSPHRASE"  # followed by `_ROOT`, `_TARGETS`, ... for the passphrase of one role
DEFAULT_ONLINE_DAYS, DEFAULT_OFFLINE_DAYS = 14, 365
MAX_DAYS = 3650
_MAX_KEYS_BYTES = 1 << 20
_PRIVATE = 0o600
_FILE, _ENVIRONMENT = "file:", "env:"

#: Returns the passphrase of a role's key; None for a key without one. Called once for each key file.
AskPassphrase = Callable[[str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RingKey:
    """One key.

    Attributes:
        role: `root`, `targets`, `online`, or the name of a maker.
        public: The public half.
        uri: Where the private half is: `file:NAME.pem` in this folder, `env:VARIABLE`, or a URI of securesystemslib.
    """

    role: str
    public: Key
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The keys of a folder.

    Attributes:
        folder: The folder.
        keys: The keys.
        root: The bytes of the trusted root.
        online_days: How long snapshot and timestamp are valid.
        offline_days: How long root and targets are valid.
    """

    folder: Path
    keys: tuple[RingKey, ...]
    root: bytes
    online_days: int = DEFAULT_ONLINE_DAYS
    offline_days: int = DEFAULT_OFFLINE_DAYS

    def of_role(self, role: str) -> tuple[RingKey, ...]:
        """Return the keys of a role."""
        return tuple(key for key in self.keys if key.role == role)

    def signers(self, role: str, ask: AskPassphrase) -> list[Signer]:
        """Return what signs for a role.

        Args:
            role: As in `RingKey`.
            ask: Returns passphrases.

        Raises:
            SetupError: There is no key of the role, or one cannot be opened.
        """
        found = [_signer(key, self.folder, ask) for key in self.of_role(role)]
        if not found:
            raise SetupError(f"{self.folder}: has no key of the role {role}; give the folder that has it with --keys")
        return found

    def with_key(self, key: RingKey) -> KeyRing:
        """Return the ring with one more key."""
        return replace(self, keys=(*self.keys, key))

    def without(self, keyid: str, role: str) -> KeyRing:
        """Return the ring without a key of a role."""
        return replace(self, keys=tuple(one for one in self.keys if (one.public.keyid, one.role) != (keyid, role)))

    def save(self) -> None:
        """Write the list of keys and the trusted root."""
        keys = [
            {"role": key.role, "keyid": key.public.keyid, "public": key.public.to_dict(), "uri": key.uri}
            for key in self.keys
        ]
        values = {
            "format": 1,
            "online_days": self.online_days,
            "offline_days": self.offline_days,
            "keys": keys,
        }
        write_bytes(self.folder / ROOT_NAME, self.root)
        write_bytes(self.folder / KEYS_NAME, canonical_json(values))


def read_key_ring(folder: Path) -> KeyRing:
    """Read a folder of keys.

    Raises:
        SetupError: The folder has no keys, or its list is malformed.
    """
    try:
        data, root = (folder / KEYS_NAME).read_bytes(), (folder / ROOT_NAME).read_bytes()
        fields = parse_json_object(data, where=str(folder / KEYS_NAME), max_bytes=_MAX_KEYS_BYTES)
        return KeyRing(
            folder=folder,
            keys=tuple(_key(entry) for entry in fields.objects("keys")),
            root=root,
            online_days=fields.integer("online_days", least=1, most=MAX_DAYS),
            offline_days=fields.integer("offline_days", least=1, most=MAX_DAYS),
        )
    except FileNotFoundError as error:
        raise SetupError(
            f"{folder}: has no keys (no {Path(str(error.filename)).name}); make them with `edge-serve init`, or give "
            "their folder with --keys"
        ) from error
    except OSError as error:
        raise SetupError(f"{folder}: the keys cannot be read ({error.strerror}); check who may read them") from error
    except (PackFormatError, ValueError, KeyError) as error:
        raise SetupError(f"{folder / KEYS_NAME}: is damaged ({error}); restore it from a copy") from error


def check_passphrase(role: str, passphrase: str | None) -> None:
    """Raise `SetupError` if a new key would lie on the disk without encryption. A server must read the online key."""
    if not passphrase and role != ONLINE:
        raise SetupError(f"the {role} key needs a passphrase; the online key alone may be without")


def make_key(folder: Path, role: str, *, passphrase: str | None, file_name: str | None = None) -> RingKey:
    """Make an Ed25519 key and write its private half into a file that only its owner may read.

    Args:
        folder: The folder of the keys.
        role: As in `RingKey`.
        passphrase: Encrypts the file; None for a file without encryption, which the online key alone may have.
        file_name: Name of the file; None for the role and the beginning of the key's id.

    Raises:
        SetupError: The passphrase is missing, the file exists already, or the disk refuses.
    """
    from securesystemslib.signer import CryptoSigner

    check_passphrase(role, passphrase)
    signer = CryptoSigner.generate_ed25519()
    name = file_name or f"{role}-{signer.public_key.keyid[:8]}.pem"
    path = folder / name
    if path.exists():
        raise SetupError(f"{path}: exists already; keep it safe, or choose another --keys")
    with replacing(path, mode=_PRIVATE) as file:
        file.write(_pem(signer._private_key, passphrase))
    return RingKey(role=role, public=signer.public_key, uri=f"{_FILE}{name}")


def public_key(path: Path) -> Key:
    """Read the public half of a key: PEM (SubjectPublicKeyInfo).

    Raises:
        SetupError: The file cannot be read, or holds no public key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.signer import SSlibKey

    try:
        return SSlibKey.from_crypto(load_pem_public_key(path.read_bytes()))
    except OSError as error:
        raise SetupError(f"{path}: cannot be read ({error.strerror}); give a public key in PEM") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SetupError(f"{path}: is no public key ({error}); give a public key in PEM") from error


def public_pem(key: Key) -> bytes:
    """Return the public half of a key as PEM; `public_key` reads it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if key.scheme != "ed25519":
        return str(key.keyval["public"]).encode()
    raw = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.keyval["public"]))
    return raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def passphrases_from(
    environment: Mapping[str, str], prompt: Callable[[str], str] | None, *, new: Container[str] = ()
) -> AskPassphrase:
    """Return what gives the passphrases of keys.

    Args:
        environment: The environment's variables: `EDGE_KEYS_PASSPHRASE_ROOT` and so on, then `EDGE_KEYS_PASSPHRASE`.
        prompt: Asks a person, with a text; None where there is nobody.
        new: The roles that get a new key. A person types these twice: nobody could open a key with a mistyped one.

    Returns:
        A function that raises `SetupError` where nobody can be asked, or the person typed two different ones.
    """

    def ask(role: str) -> str | None:
        own = f"{PASSPHRASE_VARIABLE}_{role.upper().replace('-', '_')}"
        if own in environment or (role != ONLINE and PASSPHRASE_VARIABLE in environment):
            return environment.get(own, environment.get(PASSPHRASE_VARIABLE)) or None
        if role == ONLINE:
            return None
        if prompt is None:
            raise SetupError(f"no passphrase for the {role} key; set {own} or {PASSPHRASE_VARIABLE}, or use a terminal")
        if role not in new:
            return prompt(f"passphrase of the {role} key: ") or None
        typed = prompt(f"passphrase of the new {role} key: ")
        if typed and prompt("the same again: ") != typed:
            raise SetupError(f"the two passphrases of the {role} key differ; nothing was made: try again")
        return typed or None

    return ask


def _key(entry: JsonObject) -> RingKey:
    from securesystemslib.signer import Key

    public = Key.from_dict(entry.text("keyid"), dict(entry.object("public").values))
    return RingKey(role=entry.text("role"), public=public, uri=entry.text("uri"))


def _signer(key: RingKey, folder: Path, ask: AskPassphrase) -> Signer:
    from securesystemslib.exceptions import Error
    from securesystemslib.signer import Signer

    try:
        if key.uri.startswith(_FILE):
            path = folder / key.uri.removeprefix(_FILE)
            return _from_pem(path.read_bytes(), key, ask, where=str(path))
        if key.uri.startswith(_ENVIRONMENT):
            variable = key.uri.removeprefix(_ENVIRONMENT)
            if variable not in os.environ:
                raise SetupError(f"{variable}: is not set; it should hold the private key of {key.role} as PEM")
            return _from_pem(os.environ[variable].encode(), key, ask, where=variable)
        return Signer.from_priv_key_uri(key.uri, key.public, lambda _: ask(key.role) or "")
    except FileNotFoundError as error:
        raise SetupError(
            f"{error.filename}: the private key of {key.role} is not here; run this where it is"
        ) from error
    except OSError as error:
        raise SetupError(f"{error.filename}: cannot be read ({error.strerror}); check who may read it") from error
    except (ValueError, TypeError, ImportError, Error) as error:
        raise SetupError(f"{key.uri}: the private key of {key.role} cannot be used ({error})") from error


def _from_pem(pem: bytes, key: RingKey, ask: AskPassphrase, *, where: str) -> Signer:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner

    is_encrypted = b"ENCRYPTED" in pem
    passphrase = ask(key.role) if is_encrypted else None
    if is_encrypted and not passphrase:
        raise SetupError(f"{where}: is encrypted; give the passphrase of the {key.role} key")
    try:
        private = load_pem_private_key(pem, passphrase.encode() if passphrase else None)
    except ValueError as error:
        raise SetupError(f"{where}: wrong passphrase, or a damaged key file ({error})") from error
    return CryptoSigner(private, key.public)  # type: ignore[arg-type]  # it checks


def _pem(private: object, passphrase: str | None) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        KeySerializationEncryption,
        NoEncryption,
        PrivateFormat,
    )

    assert isinstance(private, Ed25519PrivateKey)
    how: KeySerializationEncryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
