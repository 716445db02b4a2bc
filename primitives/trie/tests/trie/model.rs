//! A second, naive implementation of the format, written from the table in the README alone: it
//! shares no code with the crate, so a mistake must be made twice to go unseen.

use crate::Entries;

pub fn root(entries: &Entries) -> [u8; 32] {
    let entries: Vec<(Vec<u8>, &[u8])> = entries
        .iter()
        .map(|(key, value)| {
            let nibbles = key.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
            (nibbles, value.as_slice())
        })
        .collect();
    let node = match entries.is_empty() {
        true => vec![0],
        false => node(&entries, 0),
    };
    *blake3::hash(&node).as_bytes()
}

fn node(entries: &[(Vec<u8>, &[u8])], from: usize) -> Vec<u8> {
    let first = &entries[0].0;
    if let [(_, value)] = entries {
        let (kind, stored) = store(value, 1, 2);
        return [head(kind, &first[from..]), stored].concat();
    }
    let to = (from..first.len())
        .find(|at| entries.iter().any(|(key, _)| key.get(*at) != Some(&first[*at])))
        .unwrap_or(first.len());
    let (own, below) = entries.split_at(usize::from(first.len() == to));
    let (kind, stored) = match own {
        [(_, value)] => store(value, 4, 5),
        _ => (3, Vec::new()),
    };
    let mut bitmap = 0u16;
    let mut children = Vec::new();
    for group in below.chunk_by(|a, b| a.0[to] == b.0[to]) {
        bitmap += 1 << group[0].0[to];
        let mut child = node(group, to + 1);
        if child.len() >= 32 {
            child = blake3::hash(&child).as_bytes().to_vec();
        }
        children.push(child.len() as u8);
        children.extend(child);
    }
    let bitmap = bitmap.to_le_bytes().to_vec();
    [head(kind, &first[from..to]), bitmap, children, stored].concat()
}

fn store(value: &[u8], inline: u8, hashed: u8) -> (u8, Vec<u8>) {
    match value.len() {
        0..=32 => (inline, value.to_vec()),
        _ => (hashed, blake3::hash(value).as_bytes().to_vec()),
    }
}

fn head(kind: u8, nibbles: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind * 32 + nibbles.len().min(31) as u8];
    if nibbles.len() >= 31 {
        let rest = nibbles.len() - 31;
        bytes.extend(vec![255; rest / 255]);
        bytes.push((rest % 255) as u8);
    }
    let padded: Vec<u8> = match nibbles.len() % 2 {
        1 => [&[0], nibbles].concat(),
        _ => nibbles.to_vec(),
    };
    bytes.extend(padded.chunks(2).map(|pair| pair[0] * 16 + pair[1]));
    bytes
}
