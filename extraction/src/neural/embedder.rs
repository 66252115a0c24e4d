//! Sentence vectors: what a text is about, as a direction. Texts near in meaning are near in direction.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use hashlink::LruCache;
use sha2::{Digest, Sha256};

use super::engine::{Graph, Input};
use super::word_embeddings::WIDTH;
use super::wordpiece::{CLS, PAD, SEP};
use super::{ENCODER, NeuralError, Package, package};

/// Numbers in a vector.
pub const EMBEDDING_DIMENSIONS: usize = WIDTH;

/// A vector of length 1.
pub type Embedding = [f32; EMBEDDING_DIMENSIONS];

/// A text by the SHA-256 of its UTF-8 bytes.
pub type TextHash = [u8; 32];

/// Word pieces in a window, besides the marks at its ends: the encoder was trained on texts of up to 256.
const WINDOW: usize = 254;

/// Vectors kept in memory: 1.6 kB each, so about 7 MB when full.
const CACHED: usize = 4096;

/// Word pieces that go through the layers at once: with more, what lies between the layers leaves the cache of the
/// processor (40 % slower at eight times as many).
const BATCH: usize = 512;

/// Lengths are padded to a multiple of this and only equal ones share a batch. So how far a text is padded, and with
/// it the last bit of its vector, does not depend on its neighbours.
const STEP: usize = 8;

/// Turns texts into vectors: MiniLM-L6, the mean of its last layer. Can be shared by threads.
pub struct Embedder {
    package: &'static Package,
    encoder: Graph,
    cache: Mutex<LruCache<TextHash, Embedding>>,
}

/// The embedder of this process. The first call loads it, which takes some tens of milliseconds.
///
/// # Errors
/// [`NeuralError::Missing`] in a development build made before `make setup`.
pub fn embedder() -> Result<&'static Embedder, NeuralError> {
    static EMBEDDER: OnceLock<Result<Embedder, NeuralError>> = OnceLock::new();
    EMBEDDER.get_or_init(Embedder::load).as_ref().map_err(Clone::clone)
}

/// A stretch of a text that goes through the layers in one piece.
struct Window {
    /// Which text.
    text: usize,
    ids: Vec<i32>,
}

impl Embedder {
    /// Loads the encoder that is part of the binary.
    ///
    /// # Errors
    /// [`NeuralError::Missing`] in a development build made before `make setup`.
    pub fn load() -> Result<Self, NeuralError> {
        Self::load_remembering(CACHED)
    }

    /// The same, with room for `vectors` of the latest texts instead of 4,096; 0 remembers none.
    ///
    /// # Errors
    /// [`NeuralError::Missing`] in a development build made before `make setup`.
    pub fn load_remembering(vectors: usize) -> Result<Self, NeuralError> {
        let package = package()?;
        let encoder = Graph::load("encoder.onnx", ENCODER)?;
        Ok(Self { package, encoder, cache: Mutex::new(LruCache::new(vectors)) })
    }

    /// Changes whenever the same text could get another vector: vectors of different versions do not compare.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.package.id
    }

    /// The hash under which the vector of `text` is known.
    #[must_use]
    pub fn text_hash(text: &str) -> TextHash {
        Sha256::digest(text.as_bytes()).into()
    }

    /// The vectors of `texts`, in their order. Texts of more than 254 word pieces are read in windows of even length,
    /// whose vectors are averaged by length. The vectors of the latest texts are remembered.
    ///
    /// # Errors
    /// [`NeuralError::Run`], should the engine fail; no text by itself makes it fail.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, NeuralError> {
        let hashes: Vec<TextHash> = texts.iter().map(|text| Self::text_hash(text)).collect();
        let mut known: HashMap<TextHash, Embedding> = HashMap::with_capacity(texts.len());
        let mut new = Vec::new();
        {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            for (hash, text) in hashes.iter().zip(texts) {
                match cache.get(hash) {
                    Some(embedding) => drop(known.insert(*hash, *embedding)),
                    None if known.contains_key(hash) => {}
                    None => {
                        known.insert(*hash, [0.0; WIDTH]);
                        new.push((*hash, *text));
                    }
                }
            }
        }
        let computed = self.compute(new.iter().map(|(_, text)| *text))?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        for ((hash, _), embedding) in new.into_iter().zip(computed) {
            known.insert(hash, embedding);
            cache.insert(hash, embedding);
        }
        drop(cache);
        Ok(hashes.iter().map(|hash| known[hash]).collect())
    }

    fn compute<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Result<Vec<Embedding>, NeuralError> {
        let mut windows = Vec::new();
        let mut totals = Vec::new();
        for (number, text) in texts.enumerate() {
            totals.push([0.0; WIDTH]);
            windows.extend(self.windows(number, text));
        }
        // Stable, so windows of one text keep their order, and sums of vectors theirs.
        windows.sort_by_key(|window| padded(window.ids.len()));
        for alike in windows.chunk_by(|a, b| padded(a.ids.len()) == padded(b.ids.len())) {
            for batch in alike.chunks((BATCH / padded(alike[0].ids.len())).max(1)) {
                self.read(batch, &mut totals)?;
            }
        }
        totals.iter_mut().for_each(normalize);
        Ok(totals)
    }

    fn windows(&self, text: usize, content: &str) -> Vec<Window> {
        let mut pieces = Vec::with_capacity(content.len() / 4);
        self.package.wordpiece.encode_text(content, &mut pieces);
        let count = pieces.len().div_ceil(WINDOW).max(1);
        let size = pieces.len().div_ceil(count).max(1);
        let window = |pieces: &[i32]| Window { text, ids: [&[CLS], pieces, &[SEP]].concat() };
        // An empty text is its marks.
        if pieces.is_empty() { vec![window(&[])] } else { pieces.chunks(size).map(window).collect() }
    }

    /// Adds the vectors of windows of one padded length to those of their texts.
    fn read(&self, batch: &[Window], totals: &mut [Embedding]) -> Result<(), NeuralError> {
        let length = padded(batch[0].ids.len());
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        for window in batch {
            let left = length - window.ids.len();
            ids.extend(window.ids.iter().copied().chain(std::iter::repeat_n(PAD, left)));
            mask.extend(window.ids.iter().map(|_| 1).chain(std::iter::repeat_n(0, left)));
        }
        let words = self.package.words.look_up(&ids);
        let inputs = [
            ("words", Input::Floats(&[batch.len(), length, WIDTH], &words)),
            ("mask", Input::Ints(&[batch.len(), length], &mask)),
        ];
        let [states] = self.encoder.run(&inputs, ["states"])?;
        for (window, states) in batch.iter().zip(states.data.chunks(length * WIDTH)) {
            let mut mean = [0.0; WIDTH];
            for state in states.chunks(WIDTH).take(window.ids.len()) {
                mean.iter_mut().zip(state).for_each(|(sum, number)| *sum += number);
            }
            normalize(&mut mean);
            let weight = (window.ids.len() - 2).max(1) as f32;
            totals[window.text].iter_mut().zip(mean).for_each(|(sum, number)| *sum += number * weight);
        }
        Ok(())
    }
}

fn padded(length: usize) -> usize {
    length.next_multiple_of(STEP)
}

/// Makes a vector's length 1. One without direction stays as it is.
fn normalize(vector: &mut Embedding) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn load() -> Embedder {
        Embedder::load().expect("`make setup` ran")
    }

    fn cosine(a: &Embedding, b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    #[derive(serde::Deserialize)]
    struct Reference {
        text: String,
        embedding: Vec<f32>,
    }

    /// Made by training/runtime_fixtures.py with torch, in 32-bit floats.
    #[test]
    fn vectors_are_those_of_the_reference() {
        let references: Vec<Reference> =
            serde_json::from_str(include_str!("../../tests/fixtures/embeddings.json")).expect("a list");
        let texts: Vec<&str> = references.iter().map(|reference| reference.text.as_str()).collect();
        let found = load().embed(&texts).expect("vectors");
        assert_eq!(found.len(), references.len());
        for (embedding, reference) in found.iter().zip(&references) {
            let (likeness, length) = (cosine(embedding, &reference.embedding), cosine(embedding, embedding));
            assert!(likeness > 0.995, "{likeness} for {:?}", reference.text);
            assert!((length - 1.0).abs() < 1e-4, "{length}");
        }
    }

    #[test]
    fn what_is_near_in_meaning_is_near_in_direction() {
        let texts = [
            "Marie Curie discovered polonium and radium.",
            "Two new chemical elements were found by the physicist Marie Curie.",
            "The central bank raised interest rates again.",
        ];
        let found = load().embed(&texts).expect("vectors");
        let (near, far) = (cosine(&found[0], &found[1]), cosine(&found[0], &found[2]));
        assert!(near > 0.6 && far < 0.3, "near {near}, far {far}");
    }

    #[test]
    fn neighbours_do_not_change_a_vector_by_a_bit() {
        let long = "A sentence that is longer than the others by far, and goes on for a while. ".repeat(30);
        let texts = ["A short one.", "Ein etwas längerer Satz über Zürich und Genf.", &long, "Another short one!"];
        let together = load().embed(&texts).expect("vectors");
        let alone = load();
        for (text, embedding) in texts.iter().zip(&together) {
            assert_eq!(&alone.embed(&[text]).expect("a vector")[0], embedding, "{text:?}");
        }
    }

    #[test]
    fn a_known_text_is_not_read_again() {
        let embedder = load();
        let first = embedder.embed(&["once", "twice", "once"]).expect("vectors");
        assert_eq!(first[0], first[2]);
        assert_eq!(embedder.cache.lock().expect("not poisoned").len(), 2);
        // Only the cache can give this answer.
        embedder.cache.lock().expect("not poisoned").insert(Embedder::text_hash("once"), [0.5; WIDTH]);
        assert_eq!(embedder.embed(&["once"]).expect("a vector")[0], [0.5; WIDTH]);
    }

    #[test]
    fn the_oldest_are_forgotten_first_and_none_can_be_asked_for() {
        let embedder = Embedder::load_remembering(2).expect("`make setup` ran");
        embedder.embed(&["one", "two", "three"]).expect("vectors");
        let mut cache = embedder.cache.lock().expect("not poisoned");
        assert!(cache.get(&Embedder::text_hash("one")).is_none() && cache.get(&Embedder::text_hash("three")).is_some());
        let forgetful = Embedder::load_remembering(0).expect("`make setup` ran");
        assert_eq!(forgetful.embed(&["one", "one"]).expect("vectors").len(), 2);
        assert!(forgetful.cache.lock().expect("not poisoned").is_empty());
    }

    #[test]
    fn threads_share_it() {
        let embedder = &load();
        let expected = embedder.embed(&["shared"]).expect("a vector");
        thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|number| scope.spawn(move || own_and_shared(embedder, number))).collect();
            for worker in workers {
                assert_eq!(worker.join().expect("no panic"), expected[0]);
            }
        });
    }

    fn own_and_shared(embedder: &Embedder, number: usize) -> Embedding {
        let own = format!("the text of thread {number}");
        embedder.embed(&[&own, "shared"]).expect("vectors")[1]
    }

    #[test]
    fn no_texts_give_no_vectors() {
        assert!(load().embed(&[]).expect("nothing").is_empty());
    }
}
