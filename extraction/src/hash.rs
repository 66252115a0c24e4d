//! The hash under which words and features are known to the weights. It is part of their format:
//! changing it makes every stored weight meaningless.

/// 64-bit FNV-1a of `bytes` (Fowler, Noll, Vo).
pub(crate) fn bytes(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

/// Two hashes made one; the order matters.
pub(crate) fn pair(a: u64, b: u64) -> u64 {
    let mixed = (a.rotate_left(23) ^ b).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

/// The last step: `bits` well-mixed bits (the finalizer of SplitMix64, Steele et al. 2014).
pub(crate) fn bucket(hash: u64, bits: u32) -> u32 {
    let mut mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> (64 - bits)) as u32
}
