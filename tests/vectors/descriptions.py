"""What the files say of themselves: enough to write another implementation and to check it."""

from typing import Final

_WORDS: Final = [
    "A block of 16 bytes is a little-endian integer of 128 bits. Its word 0 is the lower 64 bits, "
    "its word 1 the upper ones. Root seeds (seeds) are such blocks: one list a party, one block a "
    "tree.",
    "Two permutations: K = SHA-256 of the text 'mpc.fss: permutations of nodes and values' and the "
    "16 bytes of key; pi_1 and pi_2 are AES-128 under the first and the last 16 bytes of K. "
    "H_i(x) = pi_i(x) xor x.",
    "A tree is over n bits with payloads mod 2^m (m = ring_bits, 8 or 64). A wide leaf has "
    "2^e elements, e = min(n, 5) for m = 8 and min(n, 2) for m = 64; there are L = n - e levels "
    "above. A block has 2^b elements, b = 4 for m = 8 and 1 for m = 64.",
    "The share of party p at a point z, as in mpc/fss/eval.py: seed s is the root seed, bit t is "
    "p, the sum is 0. At level i = 0 .. L - 1 with seed word CW_i, value word V_i and control bit "
    "c_i: let B = H_2(s), v = the lowest m bits of B's word 0 (m = 64) or of B's word 1 (m = 8), "
    "and tau = the highest bit of B; let l = z >> (n - 1 - i) and a = its lowest bit. Add v + "
    "t V_i to the sum. The next s is H_1(s xor l) xor t CW_i, where l is xored into word 0, and "
    "the next t is tau xor (t and (a xor c_i)). After the last level let B = H_2(s xor (z >> b)); "
    "add element z mod 2^b of B, the lowest one first, and t times the leaf word z mod 2^e. Party "
    "1 negates its sum. Point functions have no value words, and add nothing at a level.",
    "The dealer's words, as in mpc/fss/keygen.py: with both parties' seeds and t on the path to "
    "alpha, a_i being alpha's bits, and g = -offset at first (0 for points): V_i = +-(beta a_i - g "
    "- v_0 + v_1), minus if t_1 = 1, then g = beta a_i. CW_i is the xor of both parties' "
    "H_1(s xor l xor 1); c_i = a_i xor 1 xor tau_0 xor tau_1. A leaf word is +-(payload - g - "
    "element of party 0 + element of party 1), where payload is beta [point < alpha], or beta "
    "[point = alpha] with beta = 1 for points.",
    "Flat words (words): for B trees, seed words of 16 bytes, level by level and tree by tree in a "
    "level; value words in the same order; leaf words, tree by tree; control bits, ceil(L / 8) "
    "bytes a tree, little-endian, where level i is bit L - 1 - i; the 16 bytes of key. Value and "
    "leaf words are little-endian, of m / 8 bytes.",
]

DESCRIPTIONS: Final[dict[str, list[str]]] = {
    "aes_stream": [
        "A stream is AES-128 in counter mode over zeros. The counter block is nonce || counter, 8 "
        "bytes each, both big-endian; the counter starts at 0.",
        "A ring element is the next 8 bytes of the stream, little-endian. A draw takes up where "
        "the last one ended, also in the middle of a block.",
        "Draws in order: ring is so many elements; bits is so many elements, of which the lowest "
        "bit_length bits are kept (the rest of their 8 bytes is lost); sha256 is so many elements, "
        "of whose bytes, as they come from the stream, the SHA-256 is given.",
        "Shapes of several axes are filled in C order.",
    ],
    "segment_key": [
        "The number of a segment (segment) is job 2^24 + place. The place is that of step in "
        "norms, distances, start, assignments, choice, means, from 0 on; for 'iteration i' it is "
        "6 + i, i from 1 on.",
        "A request is a list of kind, shapes, bits, masks and formula; a mask is a list of "
        "where it was drawn and of its number there: the place of a step as above, 6 for this "
        "iteration, 7 for the one before. Requests become text: JSON "
        "of the list, without white space, in ASCII; characters beyond ASCII are \\uXXXX with "
        "lower-case digits, those beyond 16 bits two surrogates; of the others, quotes and "
        "backslashes follow a backslash. digest is the SHA-256 of text.",
        "stream_key is the first 16 bytes of HMAC-SHA-256, under the key that a party shares with "
        "the dealer, of the text 'secfpp stream of a segment' (ASCII, 26 bytes), the segment's "
        "number (8 bytes, big-endian) and the digest (32 bytes).",
        "ring has the first 4 elements of the stream with that key and nonce 0: aes_stream.json.",
    ],
    "key_agreement": [
        "Two sides have X25519 keys (RFC 7748); private is 32 random bytes, clamped when used.",
        "shared_key is the first 16 bytes of HKDF-SHA-256 (RFC 5869) of X25519(private, "
        "peer_public), without salt, with info = the text context in UTF-8.",
    ],
    "dcf": [
        *_WORDS,
        "Shares of offset + beta [z < alpha] mod 2^m over n = num_bits bits; "
        "points has rows of one point a tree, shares a list a party of such rows, sums what they "
        "add up to.",
    ],
    "sign": [
        *_WORDS,
        "kind sign: shares of [x < 0] for numbers of N = num_bits bits, from z = x + r mod 2^64 "
        "(opened); bits from N on are ignored. The tree has n = N - 1, alpha = the low N - 1 bits "
        "of r, offset = bit N - 1 of r, beta = 1 - 2 offset, and is taken at the low N - 1 bits of "
        "z. Where bit N - 1 of z is 1, a share s becomes 1 - s for party 0 and -s for party 1.",
        "kind pairs: x, r and opened are rows of candidates in blocks. Numbers are compared for "
        "every pair inside a block, the higher candidate less the lower one, mod 2^64: pairs of "
        "the first block first, (0, 1), (0, 2), .., (1, 2), ..; rows one after the other. The same "
        "differences are taken of r and of opened; then as for sign.",
    ],
    "dpf": [
        *_WORDS,
        "rows are both parties' shares of the one-hot row of alpha, one row a tree: they add up "
        "to 1 at alpha and to 0 elsewhere, mod 2^m.",
    ],
    "lut_comparison": [
        "kind plan: digits (bits of each digit, the lowest first) for numbers of num_bits bits, of "
        "which one is the sign. The low = num_bits - 1 bits are cut into C digits of low // C "
        "bits, the lowest low mod C digits of one bit more. C is from ceil(low / 8) to min(low, "
        "that + 5), the one with the smallest bytes_per_number = 8 W + ceil(3 2^(C-1) ring_bits / "
        "8); the smallest C if there are several. W = sum of 2^max(bits - 6, 0).",
        "kind signs: shares of [x < 0] from z = x + r mod 2^64 (opened_numbers), B numbers; bits "
        "above the sign are ignored. z_c and r_c are digits, z_top and r_top the bit above them.",
        "flips: each party draws words (drawn_flips). Their bytes (little-endian words), the "
        "highest bit of each byte first, are bits (U, B), U = 2 C - 1. flips is their xor, one "
        "text of B bits a row. Rows are of g_0, g_1, e_1, g_2, e_2, ..",
        "tables, (W, B): bit i of word j of a digit's words is [64 j + i < r_c]; the digits' "
        "words one behind the other, 2^max(bits - 6, 0) of each.",
        "products, (3 2^(C-1), B), mod 2^ring_bits: let w = 1 - 2 r_top, v_c be the flip of e_c. A "
        "set S of digits is a binary number, whose bit 0 is the highest digit, bit 1 the next "
        "lower. First w times the v_c of S, for S = 0 .. 2^(C-1) - 1; then for each digit d from 0 "
        "on, w times the flip of g_d times the v_c of S, for S = 0 .. 2^(C-1-d) - 1; then r_top.",
        "Shares: parties 1, 2, .. draw a flat array (drawn_shares). Party 0 gets first_share: "
        "words are xored to tables, products are added up to products. A flat array is of words, "
        "row by row, then products, row by row, of ring_bits / 8 bytes, little-endian, then "
        "zeros up to a whole word. With ring_bits = 4 there are half as many rows, rounded up; row "
        "i has product i in its low 4 bits and product i + rows in its high ones.",
        "opened_bits, one text of B bits a row: the xor of what stands in the parties' shares of "
        "tables, and of flips. For g_c that is bit z_c of the table; for e_c it is that xor bit "
        "z_c - 1 mod 2^bits, and at z_c = 0 party 0 flips it once more.",
        "shares: party p adds its share of r_top to the sum over digits d and sets S of digits "
        "above d of factor (u P + (1 - 2 u) Q), where u is the opened bit of g_d, P its share of "
        "the product of S, Q that with the flip of g_d, and factor the product over digits c "
        "above d of 1 - 2 u_c for c in S and u_c for others, u_c being the opened bit of e_c. "
        "Where z_top is 1, a share s becomes 1 - s for party 0 and -s for others. They add up to "
        "signs, mod 2^ring_bits.",
    ],
    "truncation": [
        "The dealer shares r >> shift (quotient_of_r), r taken without a sign, and the top bit of "
        "r (top_of_r), additively mod 2^64. Party 1 has drawn_shares: of x, r, quotient and top; "
        "first_share is what party 0 gets of the latter two.",
        "z = x + r mod 2^64 is opened. Let o = 2^62 if signed, 0 if not, and y = z + o mod 2^64, "
        "without a sign. high = (y >> shift) - (o >> shift); wrap = 2^(64 - shift) if the top bit "
        "of y is 0, else 0. Party p has wrap top_p - quotient_p, and party 0 adds high: shares.",
        "They add up to value mod 2^64: x >> shift rounded down, or 1 more where the low bits of y "
        "are less than those of r. x is in 0 .. 2^63 - 1, or in -2^62 .. 2^62 - 1 if signed.",
    ],
    "division": [
        "The dealer shares r // divisor (quotient_of_r), r taken without a sign, and the top bit "
        "of r (top_of_r), additively mod 2^64. Party 1 has drawn_shares: of x, r, quotient and "
        "top; first_share is what party 0 gets of the latter two.",
        "z = x + r mod 2^64 is opened. Let y = z + 2^62 mod 2^64, without a sign. wrap = 2^64 // "
        "divisor (mod 2^64) if the top bit of y is 0, else 0. Party p has wrap top_p - quotient_p, "
        "and party 0 adds y // divisor - 2^62 // divisor: shares.",
        "They add up to value mod 2^64, which is x / divisor, off by less than 2. x is in "
        "-2^62 .. 2^62 - 1.",
    ],
    "lookup": [
        "The dealer shares the one-hot row of r mod 2^d, d = bit_length, additively mod 2^64: "
        "one_hot. Party 1 has drawn_rows, party 0 first_rows; one row an element.",
        "z = x + r mod 2^64 is opened. A party's share is the sum over j of row[j] T[z - j mod "
        "2^d], mod 2^64; shares add up to entry, which is T[x mod 2^d]. table is T.",
    ],
}

ORIGINS: Final[dict[str, str]] = {
    "aes_stream": "mpc.ring.randomness.AesCtrStream.ring and bits.",
    "segment_key": "mpc.preprocessing.requests.segment_of, mpc.preprocessing.segments.digest_of "
    "and stream_of.",
    "key_agreement": "mpc.ring.randomness.KeyAgreement.public_bytes and shared_key.",
    "dcf": "mpc.fss.generate and evaluate.",
    "sign": "mpc.fss.generate_sign and evaluate_sign, mpc.gates.pairs.differences.",
    "dpf": "mpc.fss.generate_point, mpc.fss.PointKeys.expand.",
    "lut_comparison": "mpc.gates.lut_comparison.plan_of, make, fitting, looked_up and folded.",
    "truncation": "mpc.preprocessing.expander.truncation_pair, mpc.protocols.division.split, "
    "mpc.clustering.centring.high_part.",
    "division": "mpc.preprocessing.expander.division_pair, mpc.clustering.centring._over (of "
    "centred).",
    "lookup": "mpc.preprocessing.expander.one_hot_rows, mpc.protocols.lookup.look_up.",
}
