//! The neural runtime: word pieces, word embeddings and the engine that runs a network's layers.
//!
//! What `make setup` fetched (MiniLM-L6: vocabulary, word embeddings, layers) is part of the binary. The word
//! embeddings stand apart from the layers because every network here was trained on top of the same ones.

pub(crate) mod embedder;
pub(crate) mod engine;
pub(crate) mod word_embeddings;
pub(crate) mod wordpiece;

use std::sync::OnceLock;

use word_embeddings::WordEmbeddings;
use wordpiece::WordPiece;

static VOCABULARY: &[u8] = include_bytes!(env!("KGL_MINILM_VOCABULARY"));
static WORDS: &[u8] = include_bytes!(env!("KGL_MINILM_WORDS"));
static ENCODER: &[u8] = include_bytes!(env!("KGL_MINILM_ENCODER"));
/// Checksum of the three files; empty in a binary built without them.
const ID: &str = env!("KGL_MINILM_ID");

/// Why a network cannot be used. Every one of them is a fault of the binary, not of a text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NeuralError {
    /// A development build made before `make setup`.
    #[error("this program was built without the language model: run `make setup` and build again")]
    Missing,
    /// A file in the binary is not what this code reads.
    #[error("the network {name} cannot be loaded: {reason}")]
    Unreadable {
        /// Which file.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The engine refused to run a network.
    #[error("the network {name} cannot be run: {reason}")]
    Run {
        /// Which network.
        name: &'static str,
        /// What the engine said.
        reason: String,
    },
}

/// What all networks share.
pub(crate) struct Package {
    pub(crate) wordpiece: WordPiece,
    pub(crate) words: WordEmbeddings,
    /// Changes whenever the vocabulary, the word embeddings or the sentence encoder change.
    pub(crate) id: &'static str,
}

/// The vocabulary and the word embeddings, read once a process.
///
/// # Errors
/// [`NeuralError::Missing`] in a development build made before `make setup`.
pub(crate) fn package() -> Result<&'static Package, NeuralError> {
    static PACKAGE: OnceLock<Result<Package, NeuralError>> = OnceLock::new();
    PACKAGE.get_or_init(load).as_ref().map_err(Clone::clone)
}

fn load() -> Result<Package, NeuralError> {
    if ID.is_empty() {
        return Err(NeuralError::Missing);
    }
    let vocabulary = std::str::from_utf8(VOCABULARY)
        .map_err(|error| NeuralError::Unreadable { name: "vocab.txt", reason: error.to_string() })?;
    let wordpiece = WordPiece::new(vocabulary)?;
    let words = WordEmbeddings::new(WORDS, wordpiece.len())?;
    Ok(Package { wordpiece, words, id: ID })
}
