"""Vectors of standards, for the parts that this project's primitives are built of.

An entry with `first_block` is of a stream of this project: its blocks are those of the stream with
the key and the nonce, from that block on. The others check AES, HMAC and SHA-256 alone.
"""

from typing import Any, Final

_NIST: Final = "NIST SP 800-38A, appendix F.5.1 (CTR-AES128.Encrypt): input and output blocks"
_GCM: Final = (
    "McGrew and Viega: The Galois/Counter Mode of Operation (GCM), submission to NIST, appendix B, "
)

PUBLISHED: Final[dict[str, list[dict[str, Any]]]] = {
    "aes_stream": [
        {
            "source": _NIST + ". Its counter starts at f8f9fafbfcfdfeff, a stream's at 0: so it is "
            "for AES and for how the counter is counted up.",
            "key": "2b7e151628aed2a6abf7158809cf4f3c",
            "counters": [
                "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
                "f0f1f2f3f4f5f6f7f8f9fafbfcfdff00",
                "f0f1f2f3f4f5f6f7f8f9fafbfcfdff01",
                "f0f1f2f3f4f5f6f7f8f9fafbfcfdff02",
            ],
            "blocks": [
                "ec8cdf7398607cb0f2d21675ea9ea1e4",
                "362b7c3c6773516318a077d7fc5073ae",
                "6a2cc3787889374fbeb4c81b17ba6c44",
                "e89c399ff0f198c6d40a31db156cabfe",
            ],
        },
        {
            "source": _GCM + "test cases 1 and 2: H, E(K, Y_0) and the keystream of the one block, "
            "whose counters are 0, 1 and 2.",
            "key": "00000000000000000000000000000000",
            "nonce": "0x0000000000000000",
            "first_block": 0,
            "counters": [
                "00000000000000000000000000000000",
                "00000000000000000000000000000001",
                "00000000000000000000000000000002",
            ],
            "blocks": [
                "66e94bd4ef8a2c3b884cfa59ca342b2e",
                "58e2fccefa7e3061367f1d57a4e7455a",
                "0388dace60b6a392f328c2b971b2fe78",
            ],
        },
        {
            "source": _GCM + "test case 3: H.",
            "key": "feffe9928665731c6d6a8f9467308308",
            "nonce": "0x0000000000000000",
            "first_block": 0,
            "counters": ["00000000000000000000000000000000"],
            "blocks": ["b83b533708bf535d0aa6e52980d53b78"],
        },
        {
            "source": "NIST CAVP, KAT_AES, ECBKeySbox128.rsp, encryption, COUNT = 0.",
            "key": "10a58869d74be5a374cf867cfb473859",
            "nonce": "0x0000000000000000",
            "first_block": 0,
            "counters": ["00000000000000000000000000000000"],
            "blocks": ["6d251e6944b051e04eaa6fb4dbf78465"],
        },
        {
            "source": "RFC 3686, section 6, test vector 1: counter block and key stream.",
            "key": "ae6852f8121067cc4bf7a5765577f39e",
            "nonce": "0x0000003000000000",
            "first_block": 1,
            "counters": ["00000030000000000000000000000001"],
            "blocks": ["b7603328dbc2931b410e16c8067e62df"],
        },
    ],
    "segment_key": [
        {
            "source": "RFC 4231, section 4.2 (test case 1), HMAC-SHA-256.",
            "key": "0b" * 20,
            "data": "4869205468657265",
            "hmac": "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        },
        {
            "source": "RFC 4231, section 4.3 (test case 2), HMAC-SHA-256.",
            "key": "4a656665",
            "data": "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
            "hmac": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        },
        {
            "source": "FIPS 180-2, appendix B.1: SHA-256 of abc.",
            "data": "616263",
            "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        },
    ],
    "key_agreement": [
        {
            "source": "RFC 7748, section 6.1 (X25519).",
            "sides": [
                {
                    "private": "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                    "public": "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
                },
                {
                    "private": "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
                    "public": "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
                },
            ],
            "secret": "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
        },
        {
            "source": "RFC 5869, appendix A.3 (SHA-256, no salt): the first bytes of OKM.",
            "secret": "0b" * 22,
            "info": "",
            "okm": "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
            "9d201395faa4b61a96c8",
        },
    ],
}
