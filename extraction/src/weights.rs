//! Linear weights over hashed features, and their compact form.
//!
//! A feature is one of `2^bits` buckets; each bucket that was learnt anything about has a row of
//! [`WIDTH`] weights (or another multiple of eight), one an output. Rows are found by a bitmap with running counts (rank), so that
//! the many features that mean nothing cost one bit of cache.

use crate::wire::{Reader, WireError, write_varint};

/// Outputs a row has room for, where not said otherwise. Every width is a multiple of eight.
pub(crate) const WIDTH: usize = 24;

/// A score or weight for each output.
pub(crate) type Row = [f32; WIDTH];

/// Learnt weights, ready for use.
pub(crate) struct Weights<const W: usize = WIDTH> {
    bits: u32,
    present: Vec<u64>,
    /// Rows before each word of `present`.
    rank: Vec<u32>,
    rows: Vec<[i8; W]>,
    scale: f32,
}

impl<const W: usize> Weights<W> {
    /// Buckets are numbers below `2^bits`.
    pub(crate) fn bits(&self) -> u32 {
        self.bits
    }

    /// How many buckets carry weights.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The sum of the rows of `features`.
    pub(crate) fn score(&self, features: &[u32]) -> [f32; W] {
        let mut sum = [0_i32; W];
        for &feature in features {
            let (word, bit) = ((feature >> 6) as usize, feature & 63);
            let present = self.present[word];
            if present >> bit & 1 == 1 {
                let below = (present & ((1 << bit) - 1)).count_ones();
                let row = &self.rows[(self.rank[word] + below) as usize];
                for (total, &weight) in sum.iter_mut().zip(row) {
                    *total += i32::from(weight);
                }
            }
        }
        sum.map(|total| total as f32 * self.scale)
    }

    /// From dense weights (`2^bits` rows), dropping every weight nearer to zero than `least`.
    pub(crate) fn compress(dense: &[[f32; W]], bits: u32, least: f32) -> Self {
        let largest = dense.iter().flatten().fold(0_f32, |most, w| most.max(w.abs())).max(f32::MIN_POSITIVE);
        // A few huge weights must not cost all the others their precision.
        let scale = largest.min(6.0) / 127.0;
        let quantise = |w: f32| {
            if w.abs() < least { 0 } else { (w / scale).round().clamp(-127.0, 127.0) as i8 }
        };
        let mut present = vec![0_u64; (1 << bits) / 64];
        let mut rows = Vec::new();
        for (bucket, row) in dense.iter().enumerate() {
            let row = row.map(quantise);
            if row.iter().any(|&w| w != 0) {
                present[bucket / 64] |= 1 << (bucket % 64);
                rows.push(row);
            }
        }
        Self { bits, rank: ranks(&present), present, rows, scale }
    }

    /// Appends the serial form: bits, scale, then for each row the gap to the one before, a mask of
    /// the outputs and their weights. The masks of wide rows are mostly zeros: a byte tells which of their bytes follow.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write_varint(out, u64::from(self.bits));
        out.extend(self.scale.to_le_bytes());
        write_varint(out, self.rows.len() as u64);
        let mut rows = self.rows.iter();
        let mut last = 0;
        for (word, bits) in self.present.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0
                && let Some(row) = rows.next()
            {
                let bucket = word as u64 * 64 + u64::from(bits.trailing_zeros());
                bits &= bits - 1;
                write_varint(out, bucket - last);
                last = bucket;
                let mask = (0..W).fold(0_u64, |mask, i| mask | u64::from(row[i] != 0) << i);
                write_mask::<W>(out, mask);
                out.extend(row.iter().filter(|&&w| w != 0).map(|&w| w as u8));
            }
        }
    }

    /// Reads what [`Weights::write`] wrote.
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let bits = input.varint()? as u32;
        if !(6..=24).contains(&bits) {
            return Err(WireError::Invalid);
        }
        let scale = input.f32()?;
        let count = input.varint()? as usize;
        let mut present = vec![0_u64; (1 << bits) / 64];
        let mut rows = Vec::with_capacity(count.min(1 << bits));
        let mut bucket = 0;
        for _ in 0..count {
            bucket += input.varint()?;
            let word = present.get_mut((bucket / 64) as usize).ok_or(WireError::Invalid)?;
            *word |= 1 << (bucket % 64);
            let mask = read_mask::<W>(input)?;
            let mut row = [0_i8; W];
            for (i, weight) in row.iter_mut().enumerate() {
                if mask >> i & 1 == 1 {
                    *weight = input.byte()? as i8;
                }
            }
            rows.push(row);
        }
        Ok(Self { bits, rank: ranks(&present), present, rows, scale })
    }
}

/// Rows of more outputs than this are wide.
const NARROW: usize = WIDTH;

fn write_mask<const W: usize>(out: &mut Vec<u8>, mask: u64) {
    let bytes = &mask.to_le_bytes()[..W / 8];
    if W > NARROW {
        out.push(bytes.iter().enumerate().fold(0, |which, (i, &byte)| which | u8::from(byte != 0) << i));
        out.extend(bytes.iter().filter(|&&byte| byte != 0));
    } else {
        out.extend(bytes);
    }
}

fn read_mask<const W: usize>(input: &mut Reader<'_>) -> Result<u64, WireError> {
    let which = if W > NARROW { input.byte()? } else { u8::MAX };
    let mut mask = 0;
    for i in (0..W / 8).filter(|i| which >> i & 1 == 1) {
        mask |= u64::from(input.byte()?) << (8 * i);
    }
    Ok(mask)
}

fn ranks(present: &[u64]) -> Vec<u32> {
    let mut before = 0;
    present
        .iter()
        .map(|word| {
            let rank = before;
            before += word.count_ones();
            rank
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survives<const W: usize>() {
        let mut dense = vec![[0.0; W]; 256];
        dense[3][0] = 1.0;
        dense[3][W - 1] = -2.0;
        dense[200][5] = 0.5;
        dense[201][5] = 0.001;
        let weights = Weights::compress(&dense, 8, 0.01);
        let mut bytes = Vec::new();
        weights.write(&mut bytes);
        let weights = Weights::<W>::read(&mut Reader::new(&bytes)).expect("its own form");
        assert_eq!(weights.len(), 2);
        let score = weights.score(&[3, 200, 201, 7]);
        assert!((score[0] - 1.0).abs() < 0.02 && (score[W - 1] + 2.0).abs() < 0.02 && (score[5] - 0.5).abs() < 0.02);
        assert!(Weights::<W>::read(&mut Reader::new(&bytes[..bytes.len() - 1])).is_err());
    }

    #[test]
    fn compressed_weights_score_like_the_dense_ones_and_survive_the_wire() {
        survives::<WIDTH>();
        survives::<48>();
    }
}
