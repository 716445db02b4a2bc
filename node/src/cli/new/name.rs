//! The name of what is made, in the forms that Rust, cargo and metadata want.

use std::{fmt, str::FromStr};

/// Characters of a name at most.
const LENGTH_MAX: usize = 32;

/// Words that no field can be called by.
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// A name that was checked: words of lower-case letters and digits, each beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(Vec<String>);

/// Why a name is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a name has 1 to {LENGTH_MAX} characters, this one {0}")]
    Length(usize),
    #[error("{0:?} is neither a letter, a digit, - nor _")]
    Character(char),
    #[error("each word of a name begins with a letter: `asset-registry`, `asset_registry` or `AssetRegistry`")]
    Word,
    #[error("`{0}` is a word of Rust: choose another")]
    Keyword(String),
}

impl FromStr for Name {
    type Err = NameError;

    /// `asset-registry`, `asset_registry` and `AssetRegistry` are one name.
    fn from_str(text: &str) -> Result<Self, NameError> {
        if !(1..=LENGTH_MAX).contains(&text.len()) {
            return Err(NameError::Length(text.chars().count()));
        }
        let mut words = vec![String::new()];
        let mut before = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '-' | '_' => words.push(String::new()),
                'A'..='Z' => {
                    let within = words.last().is_some_and(|word| !word.is_empty());
                    // One within an abbreviation begins no word, unless it is the first of the next: `NFTMarket`.
                    let abbreviates = before.is_some_and(|before: char| before.is_ascii_uppercase())
                        && !chars.peek().is_some_and(char::is_ascii_lowercase);
                    if within && !abbreviates {
                        words.push(String::new());
                    }
                    push(&mut words, c.to_ascii_lowercase());
                }
                'a'..='z' | '0'..='9' => push(&mut words, c),
                other => return Err(NameError::Character(other)),
            }
            before = Some(c);
        }
        if !words
            .iter()
            .all(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
        {
            return Err(NameError::Word);
        }
        let name = Self(words);
        if KEYWORDS.contains(&name.snake().as_str()) {
            return Err(NameError::Keyword(name.snake()));
        }
        Ok(name)
    }
}

fn push(words: &mut [String], c: char) {
    if let Some(word) = words.last_mut() {
        word.push(c);
    }
}

impl Name {
    /// `asset-registry`: folders, crates.
    pub fn kebab(&self) -> String {
        self.0.join("-")
    }

    /// `asset_registry`: modules, fields of the genesis configuration.
    pub fn snake(&self) -> String {
        self.0.join("_")
    }

    /// `assetRegistry`: keys of the genesis configuration's JSON.
    pub fn camel(&self) -> String {
        let rest = self.0.iter().skip(1).map(|word| capitalised(word));
        self.0.iter().take(1).cloned().chain(rest).collect()
    }

    /// `AssetRegistry`: the pallet in metadata and in `construct_runtime!`.
    pub fn pascal(&self) -> String {
        self.0.iter().map(|word| capitalised(word)).collect()
    }

    /// `Asset Registry`: for people.
    pub fn title(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|word| capitalised(word)).collect();
        words.join(" ")
    }
}

/// The text with each of these replaced by its other half, in one pass: what was put in is not looked at again. Where two of them
/// begin at one place, the first of the list counts.
pub fn replaced(text: &str, pairs: &[(&str, String)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    let next = |rest: &str| {
        let found = pairs
            .iter()
            .filter_map(|(from, to)| Some((rest.find(from)?, *from, to.as_str())));
        found.min_by_key(|(at, ..)| *at)
    };
    while let Some((at, from, to)) = next(rest) {
        out.push_str(&rest[..at]);
        out.push_str(to);
        rest = &rest[at + from.len()..];
    }
    out + rest
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kebab())
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + chars.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_has_each_form() {
        for (text, kebab, snake, camel, pascal, title) in [
            (
                "asset-registry",
                "asset-registry",
                "asset_registry",
                "assetRegistry",
                "AssetRegistry",
                "Asset Registry",
            ),
            (
                "asset_registry",
                "asset-registry",
                "asset_registry",
                "assetRegistry",
                "AssetRegistry",
                "Asset Registry",
            ),
            (
                "AssetRegistry",
                "asset-registry",
                "asset_registry",
                "assetRegistry",
                "AssetRegistry",
                "Asset Registry",
            ),
            (
                "Asset-Registry",
                "asset-registry",
                "asset_registry",
                "assetRegistry",
                "AssetRegistry",
                "Asset Registry",
            ),
            ("NFT", "nft", "nft", "nft", "Nft", "Nft"),
            (
                "NFTMarket",
                "nft-market",
                "nft_market",
                "nftMarket",
                "NftMarket",
                "Nft Market",
            ),
            ("MyNFT2", "my-nft2", "my_nft2", "myNft2", "MyNft2", "My Nft2"),
            ("nft2", "nft2", "nft2", "nft2", "Nft2", "Nft2"),
            ("x", "x", "x", "x", "X", "X"),
        ] {
            let name: Name = text.parse().unwrap();
            let forms = [name.kebab(), name.snake(), name.camel(), name.pascal(), name.title()];
            assert_eq!(forms, [kebab, snake, camel, pascal, title]);
        }
    }

    #[test]
    fn what_was_put_in_is_not_replaced_again() {
        let pairs = [("a-b", "b".to_owned()), ("a", "b-a".to_owned()), ("b", "a".to_owned())];
        for (text, expected) in [("a b", "b-a a"), ("a-b!", "b!"), ("", ""), ("xyz", "xyz")] {
            assert_eq!(replaced(text, &pairs), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_reason() {
        let long = "a".repeat(33);
        for (text, error) in [
            ("", NameError::Length(0)),
            (&long, NameError::Length(33)),
            ("a b", NameError::Character(' ')),
            ("../a", NameError::Character('.')),
            ("größe", NameError::Character('ö')),
            ("2nd", NameError::Word),
            ("a-2", NameError::Word),
            ("-a", NameError::Word),
            ("a--b", NameError::Word),
            ("a_", NameError::Word),
            ("type", NameError::Keyword("type".into())),
            ("Match", NameError::Keyword("match".into())),
        ] {
            assert_eq!(text.parse::<Name>(), Err(error), "{text}");
        }
    }
}
