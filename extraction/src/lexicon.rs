//! What is known of words beforehand: known names and word clusters.

use std::sync::OnceLock;

use crate::hash;
use crate::wire::{Reader, WireError, write_varint};

/// Its serial form.
pub(crate) const WEIGHTS: &[u8] = include_bytes!("../weights/lexicon.bin");

/// A given name.
pub(crate) const GIVEN_NAME: u8 = 1;
/// A family name.
pub(crate) const FAMILY_NAME: u8 = 2;
/// A city of at least 15,000 people.
pub(crate) const CITY: u8 = 4;
/// A city of at least 300,000 people.
pub(crate) const LARGE_CITY: u8 = 8;
/// A country or continent.
pub(crate) const COUNTRY: u8 = 16;
/// A part of a country.
pub(crate) const REGION: u8 = 32;

/// Most words of a name that is looked up.
pub(crate) const MAX_NAME_WORDS: usize = 4;

/// What is known of one word or name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Which lists it is on.
    pub(crate) flags: u8,
    /// Its coarse cluster, 0 for none.
    pub(crate) coarse: u8,
    /// Its fine cluster, 0 for none.
    pub(crate) fine: u16,
}

/// Words by their hash: an open-addressing table with linear probing.
pub(crate) struct Lexicon {
    slots: Vec<(u32, Entry)>,
}

/// The key of a word in lowercase, or of a name's words joined by single spaces.
pub(crate) fn key(words: &str) -> u32 {
    // Zero marks an empty slot.
    hash::bucket(hash::bytes(words.bytes()), 32).max(1)
}

impl Lexicon {
    /// The one that is part of the binary, decoded once a process.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Lexicon> = OnceLock::new();
        // A test decodes it: what is compiled in cannot fail later.
        SHARED.get_or_init(|| Self::read(&mut Reader::new(WEIGHTS)).expect("the lexicon compiled in is whole"))
    }

    /// From entries by key; keys are distinct and not zero.
    pub(crate) fn new(entries: impl ExactSizeIterator<Item = (u32, Entry)>) -> Self {
        let mut slots = vec![(0, Entry::default()); (entries.len() * 2).next_power_of_two().max(2)];
        let mask = slots.len() - 1;
        for (key, entry) in entries {
            let mut at = key as usize & mask;
            while slots[at].0 != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = (key, entry);
        }
        Self { slots }
    }

    /// What is known under `key`; nothing is the default entry.
    pub(crate) fn get(&self, key: u32) -> Entry {
        let mask = self.slots.len() - 1;
        let mut at = key as usize & mask;
        loop {
            let (found, entry) = self.slots[at];
            if found == key {
                return entry;
            }
            if found == 0 {
                return Entry::default();
            }
            at = (at + 1) & mask;
        }
    }

    /// Appends the serial form.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut entries: Vec<_> = self.slots.iter().filter(|(key, _)| *key != 0).collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        write_varint(out, entries.len() as u64);
        let mut last = 0;
        for (key, entry) in entries {
            write_varint(out, u64::from(key - last));
            last = *key;
            out.extend([entry.flags, entry.coarse]);
            write_varint(out, u64::from(entry.fine));
        }
    }

    /// Reads what [`Lexicon::write`] wrote.
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = input.varint()?;
        let mut entries = Vec::new();
        let mut key = 0_u32;
        for _ in 0..count {
            let gap = u32::try_from(input.varint()?).map_err(|_| WireError::Invalid)?;
            key = key.checked_add(gap).filter(|_| gap > 0).ok_or(WireError::Invalid)?;
            let (flags, coarse) = (input.byte()?, input.byte()?);
            let fine = u16::try_from(input.varint()?).map_err(|_| WireError::Invalid)?;
            entries.push((key, Entry { flags, coarse, fine }));
        }
        Ok(Self::new(entries.into_iter()))
    }
}
