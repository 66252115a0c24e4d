//! Word embeddings: one row of 384 numbers for each word piece, kept as 8-bit integers with a scale a row.

use super::NeuralError;
use super::wordpiece::UNK;

/// Numbers in a row: the width of every layer of the networks.
pub(crate) const WIDTH: usize = 384;

/// The rows of the embedding matrix.
pub(crate) struct WordEmbeddings {
    scales: Vec<f32>,
    /// `scales.len()` rows of [`WIDTH`] weights; an integer times the row's scale is the weight.
    rows: &'static [u8],
}

impl WordEmbeddings {
    /// Reads `words.bin`: the scales (f32, little endian), then the rows (i8).
    pub(super) fn new(file: &'static [u8], pieces: usize) -> Result<Self, NeuralError> {
        let fits = file.len() == pieces * (WIDTH + 4);
        let (scales, rows) = file.split_at_checked(pieces * 4).filter(|_| fits).ok_or_else(|| {
            let reason = format!("{} bytes do not fit {pieces} word pieces", file.len());
            NeuralError::Unreadable { name: "words.bin", reason }
        })?;
        let scales = scales.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Ok(Self { scales, rows })
    }

    /// The rows of `ids`, one after the other: `ids.len()` x [`WIDTH`] numbers. An id outside the vocabulary reads as
    /// the unknown word.
    pub(crate) fn look_up(&self, ids: &[i32]) -> Vec<f32> {
        let mut found = Vec::with_capacity(ids.len() * WIDTH);
        for &id in ids {
            let row = usize::try_from(id).ok().filter(|&row| row < self.scales.len()).unwrap_or(UNK as usize);
            let scale = self.scales[row];
            let weights = &self.rows[row * WIDTH..(row + 1) * WIDTH];
            found.extend(weights.iter().map(|&weight| f32::from(weight.cast_signed()) * scale));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_integers_times_their_scale_and_odd_ids_read_as_unknown() {
        let mut file: Vec<u8> = (0..101_u8).flat_map(|row| f32::from(row).to_le_bytes()).collect();
        file.extend((0..101).flat_map(|row| [if row == 3 { 254 } else { 1 }; WIDTH]));
        let words = WordEmbeddings::new(file.leak(), 101).expect("it fits");
        let found = words.look_up(&[3, -1, 101]);
        assert_eq!(found.len(), 3 * WIDTH);
        assert_eq!((found[0], found[WIDTH], found[2 * WIDTH]), (-6.0, 100.0, 100.0));
    }

    #[test]
    fn a_file_of_another_size_is_refused() {
        assert!(WordEmbeddings::new(&[0; 40], 101).is_err());
        assert!(WordEmbeddings::new(&[], 101).is_err());
    }
}
